import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;
interface Seen {
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A real server on the loopback interface, with what it has received. */
async function listen(answer: Answer) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    seen.push({ url: request.url!, headers: request.headers, body });
    answer(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, port: (server.address() as AddressInfo).port };
}

let refusals = 0;
const other = await listen((_request, response) => response.end('other'));
const api = await listen((request, response) => {
  const path = request.url!.split('?')[0]!;
  const turnTo = (location: string, status = 302) => response.writeHead(status, { location }).end();
  if (path.startsWith('/echo')) {
    response.setHeader('content-type', 'application/json');
    response.end('{"id": 12345678901234567890}');
  } else if (path === '/limited') {
    refusals += 1;
    if (refusals > 6) response.end('ok');
    else response.writeHead(refusals % 2 ? 429 : 503, { 'retry-after': '0' }).end('slow down');
  } else if (path === '/private') turnTo(`http://localhost:${api.port}/echo`);
  else if (path === '/elsewhere') turnTo('http://169.254.169.254/latest/meta-data');
  else if (path === '/other') turnTo(`http://127.0.0.1:${other.port}/landed`, 307);
  else if (path === '/loop') turnTo('/loop');
  else if (path === '/bomb')
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)));
  else if (path === '/slow') response.writeHead(200).write('.');
  else if (path === '/large') response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(100_000));
  else if (path === '/missing') response.writeHead(404).end('no such thing');
  else if (path === '/hold') setTimeout(() => response.end('held'), 1_500);
});

const stack = await openBatchStack(t);
const base = `http://127.0.0.1:${api.port}`;
const env = {
  BATCH_HTTP_HOSTS: `127.0.0.1:${api.port},127.0.0.1:${other.port},localhost:${api.port},nowhere.invalid`,
  BATCH_HTTP_SECRETS: JSON.stringify({ key: { host: `127.0.0.1:${api.port}`, value: 'sesame' } }),
  BATCH_HTTP_MAX_BYTES: '1000000',
  BATCH_LEASE_MS: '1000',
};
const batch = await stack.startBatch(env);

async function call(request: object, items: object[] = [{}], more: object = {}) {
  const id = await stack.insertJob({ request, items, ...more }, { kind: 'http.call' });
  const job = await stack.ended(id);
  const rows = await stack.query(
    'select value::text, code, error, attempts, files from tidemark.job_items where job_id = $1 order by index',
    [id],
  );
  return { id, job, rows };
}

t.test('each item is a request of the template, with a secret of its host and a key of its own', async (t) => {
  const request = {
    method: 'POST',
    url: `${base}/echo/{{id}}?q={{text}}`,
    headers: { Authorization: 'Bearer {{secret:key}}', 'X-Name': '{{text}}', Host: 'evil' },
    body: { id: '{{id}}', note: 'for {{text}}', list: [true, '{{none}}'] },
  };
  const items = [
    { id: 7, text: 'a&b', none: null },
    { id: '../admin', text: '..', none: 1 },
  ];
  const { id, job, rows } = await call(request, items);
  t.match(job, { state: 'succeeded', done: 2 });
  const [first, second] = api.seen.toSorted((a, b) =>
    String(a.headers['idempotency-key']).localeCompare(String(b.headers['idempotency-key'])),
  );
  t.match(first, {
    url: '/echo/7?q=a%26b',
    headers: {
      authorization: 'Bearer sesame',
      'x-name': 'a&b',
      'idempotency-key': `${id}/0`,
      host: `127.0.0.1:${api.port}`,
    },
  });
  t.same(JSON.parse(first!.body), { id: 7, note: 'for a&b', list: [true, null] });
  t.equal(second!.url, '/echo/..%2Fadmin?q=%2E%2E', 'no variable leaves its place in the path');
  t.match(rows[0]!.value, /"id": 12345678901234567890/, 'numbers keep their digits');
  t.notMatch(batch.log(), /sesame/);
});

t.test('a server that limits its rate uses no attempt', async (t) => {
  const { job, rows } = await call({ url: `${base}/limited` });
  t.match(job, { state: 'succeeded' });
  t.match(rows, [{ attempts: 1 }]);
  t.equal(refusals, 7);
});

t.test('neither names nor redirects lead to private addresses or other hosts', async (t) => {
  const failure = async (url: string) => {
    const { job, rows } = await call({ url });
    return job.error.code === 'BATCH_ITEMS_FAILED' ? rows[0]!.code : job.error.message;
  };
  t.equal(await failure(`http://localhost:${api.port}/echo`), 'HTTP_ADDRESS_REFUSED', 'a name with a private address');
  t.equal(await failure(`${base}/private`), 'HTTP_ADDRESS_REFUSED', 'a redirect to it');
  t.equal(await failure(`${base}/elsewhere`), 'HTTP_HOST_REFUSED', 'a redirect to a host that is not allowed');
  t.equal(await failure(`${base}/loop`), 'HTTP_REDIRECTS');
  t.match(await failure('http://169.254.169.254/latest'), /HTTP_HOST_REFUSED/, 'at once, before any item');
  t.notOk(api.seen.some(({ headers }) => headers.host?.startsWith('localhost')));
});

t.test('another origin gets no credentials', async (t) => {
  const headers = { authorization: 'Basic xyz', cookie: 'a=b', 'x-key': '{{secret:key}}', 'x-plain': 'kept' };
  const { job } = await call({ method: 'POST', url: `${base}/other`, headers, body: {} });
  t.match(job, { state: 'succeeded' });
  const [landed] = other.seen;
  t.match(landed, { url: '/landed', headers: { 'x-plain': 'kept', 'idempotency-key': /\/0$/ } });
  for (const name of ['authorization', 'cookie', 'x-key']) t.notOk(name in landed!.headers, name);
  const bound = await call({ url: `http://127.0.0.1:${other.port}/`, headers: { 'x-key': '{{secret:key}}' } });
  t.match(bound.job.error, { message: /HTTP_SECRET: the secret "key" is not for 127/ });
});

t.test('bytes and time are limited', async (t) => {
  const codes = async (url: string, more = {}) => (await call({ url }, [{}], more)).rows[0];
  t.match(await codes(`${base}/bomb`), { code: 'HTTP_TOO_LARGE', error: { message: /more than 1000000 bytes/ } });
  t.match(await codes(`${base}/missing`), { code: 'HTTP_404', error: { message: /answered 404: no such thing/ } });
  const large = await call({ url: `${base}/large` });
  t.match(await stack.outputsOf(large.id), [{ size: 100_000, content_type: 'text/plain' }], 'a large body is a file');
  const slow = await codes(`${base}/slow`, { timeoutMs: 300 });
  t.match(slow, { code: 'HTTP_TIMEOUT', attempts: 3 }, 'one byte in ten seconds');
  t.match(await codes('http://nowhere.invalid/'), { code: 'HTTP_FAILED', attempts: 3 });
  t.match(await codes(`${base}/echo/{{absent}}`), { code: 'HTTP_TEMPLATE', attempts: 1 });
});

t.test('a call that is repeated after a crash has the same key', async (t) => {
  const id = await stack.insertJob({ request: { url: `${base}/hold` }, items: [{}] }, { kind: 'http.call' });
  const held = () => api.seen.filter(({ url }) => url === '/hold');
  await until(async () => held().length > 0, 'the call');
  await batch.stop('SIGKILL');
  await stack.startBatch(env);
  t.match(await stack.ended(id), { state: 'succeeded', done: 1 });
  t.same(
    held().map(({ headers }) => headers['idempotency-key']),
    [`${id}/0`, `${id}/0`],
  );
});
