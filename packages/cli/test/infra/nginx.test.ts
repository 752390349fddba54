/** infra/nginx/nginx.conf in a real nginx, in front of a running Tidemark. */
import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { LIVE_SUBPROTOCOL } from '@tidemark/contracts';
import { freePorts, until } from '@tidemark/testing';
import { debianProgram } from '@tidemark/testing/debian';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { launch, temporaryHome } from '../tidemark-up.ts';
import { readInfra } from './files.ts';

const PACKAGES = ['nginx', 'nginx-common', 'libnginx-mod-http-brotli-filter', 'libbrotli1'];

/** The configuration as it is, with this machine's addresses and paths. */
async function startNginx(t: Test, tidemarkPort: number): Promise<number> {
  const { path, env } = await debianProgram(PACKAGES, 'usr/sbin/nginx');
  const debian = path.replace(/\/usr\/sbin\/nginx$/, '');
  const work = await temporaryHome(t);
  await chmod(work, 0o777);
  const port = await freePorts(1);
  const text = readInfra('nginx/nginx.conf')
    .replace(
      'include /etc/nginx/modules-enabled/*.conf',
      `load_module ${debian}/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so`,
    )
    // An ordinary user may not raise it.
    .replace('worker_rlimit_nofile 65536;', '')
    .replace('/etc/nginx/mime.types', `${debian}/etc/nginx/mime.types`)
    .replaceAll('/tmp/nginx', `${work}/nginx`)
    .replace('server gateway:8080', `server 127.0.0.1:${tidemarkPort}`)
    .replace('server realtime:8080', `server 127.0.0.1:${tidemarkPort + 1}`)
    .replace('listen 8080', `listen 127.0.0.1:${port}`);
  const file = join(work, 'nginx.conf');
  await writeFile(file, text);
  const nginx: ChildProcess = spawn(path, ['-c', file, '-p', work, '-e', 'stderr', '-g', 'daemon off;'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.teardown(async () => {
    if (nginx.exitCode !== null) return;
    const ended = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    await ended;
  });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined)) && true);
  return port;
}

/** Leaves the body as it came; fetch would decode it. */
function raw(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(url, { headers }, resolve).once('error', reject));
}

t.test('nginx passes on everything that Tidemark answers', async (t) => {
  const { port, home, line } = await launch(t, { args: ['--no-demo'] });
  await line(/^ready/);
  const credentials = JSON.parse(await readFile(join(home, 'credentials.json'), 'utf8')) as {
    user: string;
    ops: string;
  };
  const origin = `http://127.0.0.1:${await startNginx(t, port)}`;
  const authorization = `Bearer ${credentials.user}`;

  await t.test('a read has the coding and the ETag of the gateway', async (t) => {
    const answer = await raw(`${origin}/openapi.json`, { authorization, 'accept-encoding': 'br' });
    answer.resume();
    t.equal(answer.headers['content-encoding'], 'br');
    t.match(String(answer.headers.etag), /^"/, 'a strong one');
  });

  await t.test('the page of the console is compressed, its assets are immutable', async (t) => {
    const page = await fetch(`${origin}/console/`, { headers: { authorization: `Bearer ${credentials.ops}` } });
    t.equal(page.status, 200);
    const [, asset] = /(?:src|href)="([^"]*assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
    for (const coding of ['br', 'gzip']) {
      const script = await raw(String(new URL(asset as string, `${origin}/console/`)), { 'accept-encoding': coding });
      script.resume();
      t.equal(script.headers['content-encoding'], coding);
      t.match(script.headers['cache-control'], /immutable/);
      t.match(script.headers.vary, /accept-encoding/i);
    }
  });

  await t.test('a file is uploaded, and asked for in ranges', async (t) => {
    const url = `${origin}/api/v1/files/notes.txt`;
    const body = 'all of these words are text that could be compressed\n'.repeat(100);
    const put = await fetch(url, { method: 'PUT', headers: { authorization, 'content-type': 'text/plain' }, body });
    t.ok(put.ok, `PUT ${put.status}`);
    const part = await raw(url, { authorization, range: 'bytes=4-6', 'accept-encoding': 'br, gzip' });
    t.equal(part.statusCode, 206);
    t.equal(part.headers['content-encoding'], undefined);
    t.equal(String((await part.toArray())[0]), 'of ');
  });

  await t.test('a WebSocket gets its snapshot', async (t) => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/live`, LIVE_SUBPROTOCOL, {
      headers: { authorization },
    });
    t.teardown(() => socket.close());
    // Two frames may arrive in one turn, of which once() would lose the second.
    const messages = on(socket, 'message');
    await once(socket, 'open');
    socket.send(JSON.stringify({ op: 'subscribe', id: 's1', query: 'jobs', profile: 'tidemark', snapshot: true }));
    for await (const [data] of messages) {
      const frame = JSON.parse(String(data));
      if (frame.op === 'error') throw new Error(frame.message);
      if (frame.op === 'snapshot') break;
    }
    t.pass('a snapshot came');
  });

  await t.test('an event of an event stream comes while the stream is open', async (t) => {
    const answer = await raw(`${origin}/live?query=jobs&profile=tidemark&snapshot=true`, {
      authorization,
      accept: 'text/event-stream',
    });
    t.equal(answer.headers['content-type']?.split(';')[0], 'text/event-stream');
    let heard = '';
    for await (const chunk of answer) {
      heard += chunk;
      if (heard.includes('event: snapshot')) break;
    }
    answer.destroy();
    t.match(heard, /event: snapshot/);
  });

  await t.test(
    'an operator explains a statement and sets a silence; others and pages of other sites do not',
    async (t) => {
      const performance = `${origin}/api/v1/performance`;
      const post = (path: string, body: unknown, token: string, more = {}) =>
        fetch(`${performance}${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more },
          body: JSON.stringify(body),
        });
      const explained = await post('/queries/analyze', { query: 'select 1' }, credentials.ops);
      t.equal(explained.status, 200);
      t.match(await explained.json(), { plan: {} });
      const silence = { rule: 'route.slow', minutes: 5, reason: 'a test' };
      t.equal((await post('/alerts/silences', silence, credentials.user)).status, 403);
      const forged = await post('/alerts/test', {}, credentials.ops, {
        'content-type': 'text/plain',
        'sec-fetch-site': 'cross-site',
      });
      t.equal(forged.status, 403);
      const created = await post('/alerts/silences', silence, credentials.ops);
      t.equal(created.status, 201);
      const { id } = (await created.json()) as { id: string };
      const ended = await fetch(`${performance}/alerts/silences/${id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${credentials.ops}` },
      });
      t.equal(ended.status, 204);
    },
  );

  await t.test('the metrics of an instance are not shown outside', async (t) => {
    t.equal(
      (await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${credentials.ops}` } })).status,
      404,
    );
  });
});
