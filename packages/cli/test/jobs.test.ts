/** `tidemark jobs` with a gateway and an instance of batch. */
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type DemoImage, generateImages } from '@tidemark/blueprints';
import { migrate } from '@tidemark/db';
import { METRICS_ENV, until, useTestStack } from '@tidemark/testing';
import { pdfOf } from '@tidemark/testing/media';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { run } from '../src/commands.ts';
import { progressLine } from '../src/jobs/bar.ts';
import { signToken } from '../src/token.ts';
import { root } from './tidemark-up.ts';

const SECRET = 'a secret of thirty-two characters';
const JSON_TYPE = { 'content-type': 'application/json' };

async function startService(t: Test, name: 'gateway' | 'batch', env: Record<string, string>): Promise<string> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.resolve(`@tidemark/${name}/main`)), [], {
    env: { PATH: process.env.PATH ?? '', ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
  });
  const [message] = (await once(child, 'message')) as [{ type: string; url: string; message?: string }];
  if (message.type !== 'ready') throw new Error(`${name} did not start: ${message.message}`);
  return message.url;
}

async function openJobs(t: Test) {
  const stack = await useTestStack();
  const database = await stack.database();
  await migrate(database.primaryUrl);
  const home = await mkdtemp(join(tmpdir(), 'tidemark-jobs-'));
  const sql = postgres(database.primaryUrl, { max: 1, onnotice: () => {} });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
    await rm(home, { recursive: true });
  });
  const env = {
    PORT: '0',
    LOG_LEVEL: 'fatal',
    RUN_AS_USER: 'root',
    DATABASE_URL: database.primaryUrl,
    NATS_URL: stack.natsUrl,
    NATS_PREFIX: stack.natsPrefix(),
    JWT_SECRET: SECRET,
    ...METRICS_ENV,
    TIDEMARK_FILES_DIR: join(home, 'files'),
    BATCH_KINDS: ['test/trouble.js', 'examples/squares.js'].map((file) => join(root, 'services/batch', file)).join(),
    BATCH_MAX_ATTEMPTS: '1',
    BATCH_SWEEP_MS: '100',
  };
  const [url] = await Promise.all([startService(t, 'gateway', env), startService(t, 'batch', env)]);
  const service = await signToken(SECRET, { role: 'service_role', sub: 'service' });
  await writeFile(join(home, 'credentials.json'), JSON.stringify({ service }));
  const running = { pid: process.pid, databaseUrl: database.primaryUrl, url };
  await writeFile(join(home, 'running.json'), JSON.stringify(running));
  async function command(args: string[], env: NodeJS.ProcessEnv = { TIDEMARK_HOME: home }) {
    const lines: string[] = [];
    const print = (line: string) => lines.push(line);
    const untilSignal = () => new Promise<string>(() => {});
    const code = await run({ args, env, cwd: '/', print, untilSignal });
    return { code, text: lines.join('\n') };
  }
  return {
    sql,
    jobs: (args: string, env?: NodeJS.ProcessEnv) => command(['jobs', ...args.split(' ')], env),
    schedules: (...args: string[]) => command(['schedules', ...args]),
    url,
    home,
    service,
    async insert(spec: object): Promise<string> {
      const [row] = await sql`insert into tidemark.jobs (kind, spec, role)
        values ('trouble', ${JSON.stringify(spec)}::text::jsonb, 'service_role') returning id`;
      return row?.id;
    },
  };
}

t.test('lists, shows, watches, pauses, resumes, retries and cancels jobs', async (t) => {
  const { jobs, insert, url, service } = await openJobs(t);
  t.match(await jobs('list'), { code: 0, text: 'no jobs' });

  const good = await insert({ items: 20, ms: 20 });
  const watched = await jobs(`watch ${good}`);
  t.equal(watched.code, 0, 'the job succeeded');
  t.match(watched.text, /\[#{30}\] {2}20 of 20 {2}succeeded$/);

  const bad = await insert({ items: 3, throws: 1 });
  const failing = await jobs(`watch ${bad}`);
  t.equal(failing.code, 1, 'not all of it succeeded');
  t.match(failing.text, /3 of 3 {2}partly_failed {2}1 failed/);
  t.match(failing.text, /1 × BATCH_UNEXPECTED, such as item 1: /);
  t.match(failing.text, `npx --no -- tidemark jobs retry ${bad}`);
  const shown = await jobs(`show ${bad}`);
  t.match(shown.text, /^kind {7}trouble$/m);
  t.match(shown.text, /^items {6}3 of 3, 1 failed$/m);
  t.match(shown.text, /^spec {7}\{.*"throws":1/m);
  t.match(await jobs('list'), { text: new RegExp(`^${bad} +trouble +partly_failed +3 of 3 +1 failed`, 'm') });

  t.match(await jobs(`retry ${bad} --code BATCH_UNEXPECTED`), { code: 0, text: `${bad} is ` });
  t.equal((await jobs(`watch ${bad}`)).code, 1, 'it failed again');
  await t.rejects(jobs(`retry ${bad} --code OTHER`), { code: 'PT409', hint: /job_failures/ });

  const long = await insert({ items: 500, ms: 50 });
  t.match((await jobs(`pause ${long}`)).text, `${long} is paused`);
  t.match((await jobs(`resume ${long}`)).text, `${long} is `);
  t.match((await jobs(`cancel ${long}`)).text, `${long} is cancelled`);
  t.match(await jobs(`watch ${long}`), { code: 1, text: /cancelled/ });

  const env = { TIDEMARK_URL: url, TIDEMARK_TOKEN: service, TIDEMARK_HOME: '/nowhere' };
  t.match(await jobs(`show ${good}`, env), { text: good }, 'the environment may name gateway and token');
});

t.test('images are transformed and read at once, with the rights of the caller', async (t) => {
  const { url, sql } = await openJobs(t);
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((sub) => signToken(SECRET, { role: 'authenticated', sub })));
  const ask = (path: string, { token = ada as string | null, ...init }: RequestInit & { token?: string | null } = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...init.headers },
    });
  const upload = async (path: string, body: Uint8Array<ArrayBuffer>) =>
    (await (await ask(`/api/v1/files/${path}`, { method: 'PUT', body })).json()) as { id: string; sha256: string };
  let image: DemoImage | undefined;
  for await (const generated of generateImages({ count: 1, seed: 1 })) image = generated;
  const photo = await upload('photo.jpg', Uint8Array.from(image!.bytes));
  const letter = await upload(
    'letter.pdf',
    Uint8Array.from(pdfOf([['First page'], ['Dear reader of the second page']])),
  );
  const transform = { method: 'POST', body: '{"resize": {"width": 40}, "format": "png"}', headers: JSON_TYPE };

  const made = await ask(`/api/v1/images/transform?file=${photo.id}`, transform);
  t.match([made.status, made.headers.get('content-type')], [200, 'image/png']);
  t.equal(Buffer.from(await made.arrayBuffer()).readUInt32BE(16), 40, 'the width in the header of the PNG');
  const body = { method: 'POST', body: Uint8Array.from(image!.bytes), headers: { 'content-type': image!.contentType } };
  t.equal(
    (await ask(`/api/v1/images/transform?transform=${encodeURIComponent('{"format":"webp"}')}`, body)).status,
    200,
  );
  const read = await ask(`/api/v1/ocr?file=${letter.id}&page=2`, { method: 'POST' });
  t.match(await read.json(), { text: /Dear reader of the second page/, page: 2, pages: 2, dpi: 300 });

  t.equal((await ask(`/api/v1/images/transform?file=${photo.id}`, { ...transform, token: bob! })).status, 404);
  t.equal((await ask(`/api/v1/images/transform?file=${photo.id}`, { ...transform, token: null })).status, 401);
  const wrong = await ask(`/api/v1/images/transform?file=${letter.id}`, transform);
  t.match([wrong.status, await wrong.json()], [415, { code: 'BATCH_IMAGE_TYPE', hint: /Convert it/ }]);
  t.equal((await ask(`/api/v1/ocr?file=${letter.id}&languages=tlh`, { method: 'POST' })).status, 400);
  t.equal(
    (await ask(`/api/v1/images/transform?file=${photo.id}`, { ...transform, body: '{"format": "bmp"}' })).status,
    422,
  );

  const small = await ask(`/api/v1/files/${photo.id}?width=64`);
  t.match(
    [small.status, small.headers.get('content-type'), small.headers.get('etag')],
    [200, 'image/webp', `"${photo.sha256}-w64"`],
  );
  t.match(small.headers.get('cache-control'), /^private, max-age=31536000, immutable$/);
  const bytes = Buffer.from(await small.arrayBuffer());
  t.equal(bytes.toString('latin1', 8, 12), 'WEBP');
  const headers = { 'if-none-match': `"${photo.sha256}-w64"` };
  t.equal((await ask(`/api/v1/files/${photo.id}?width=64`, { headers })).status, 304);
  t.equal((await ask(`/api/v1/files/${photo.id}?width=65`)).status, 400);
  t.equal(
    (await ask(`/api/v1/files/${photo.id}?width=64`, { token: bob! })).status,
    404,
    'one that is kept is hidden as well',
  );
  const failed = await ask(`/api/v1/files/${letter.id}?width=64`);
  t.match([failed.status, failed.headers.get('cache-control')], [415, null]);

  const many = await Promise.all(
    Array.from({ length: 24 }, () => ask(`/api/v1/ocr?file=${letter.id}`, { method: 'POST' })),
  );
  const statuses = new Set(many.map(({ status }) => status));
  t.ok(statuses.has(200) && [...statuses].every((status) => [200, 429, 503].includes(status)), [...statuses].join());
  t.ok(many.every(({ status, headers }) => status === 200 || headers.has('retry-after')));
  t.equal((await sql`select from tidemark.jobs`).length, 0, 'without a job');
});

t.test('KINDS.md of batch shows how a kind of one’s own is started, submitted and watched', async (t) => {
  const { url, home } = await openJobs(t);
  const page = await readFile(join(root, 'services', 'batch', 'KINDS.md'), 'utf8');
  const [start, use, schedule, ...more] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(
    (match) => match[1] as string,
  );
  t.equal(start, 'BATCH_KINDS=services/batch/examples/squares.js npm start\n', 'so are the services of this test');
  t.same(more, []);
  const env = { ...process.env, NODE_OPTIONS: '', TIDEMARK_HOME: home };
  async function bash(commands: string): Promise<string[]> {
    const here = commands
      .replaceAll('http://127.0.0.1:8080', url)
      .replaceAll('./.tidemark/', `${home}/`)
      .replaceAll('npx --no -- tidemark', `${process.execPath} packages/cli/dist/main.js`);
    const { stdout } = await promisify(execFile)('bash', ['-euc', here], { cwd: root, env, timeout: 60_000 });
    return stdout.trim().split('\n');
  }
  const lines = await bash(use as string);
  t.match(lines.at(-2), /1,000 of 1,000 {2}succeeded/);
  const items = JSON.parse(lines.at(-1) as string) as { index: number; value: number }[];
  t.same(
    items.map(({ index, value }) => [index, value]),
    Array.from({ length: 10 }, (_, n) => [n, n * n]),
  );
  const shown = (await bash(schedule as string)).join('\n');
  t.match(shown, /^pattern {4}30 2 \* \* \* in Europe\/Berlin$/m);
  t.match(shown, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}(waiting|started|ended)/m);
});

t.test('creates, lists, shows, runs, pauses, resumes and removes schedules', async (t) => {
  const { schedules, sql } = await openJobs(t);
  t.match(await schedules('list'), { code: 0, text: 'no schedules' });
  const spec = '{"items": 2}';
  const flags = ['--pattern', '30 2 * * *', '--kind', 'trouble', '--spec', spec, '--time-zone', 'Europe/Berlin'];
  const { text } = await schedules('create', 'nightly', ...flags);
  const id = text.split(' ')[0]!;
  await until(async () => / next \d{4}-/.test((await schedules('list')).text));
  t.match(
    (await schedules('list')).text,
    new RegExp(`^${id}  nightly  30 2 \\* \\* \\*  Europe/Berlin  trouble  next \\d{4}-`),
  );
  t.match((await schedules('run', 'nightly')).text, `${id} starts a job`);
  const shown = await until(async () => {
    const { text } = await schedules('show', id);
    return /^\d{4}-.* (started|ended) +job [0-9a-f-]{36}$/m.test(text) ? text : undefined;
  });
  t.match(shown, /^pattern {4}30 2 \* \* \* in Europe\/Berlin$/m);
  t.match(shown, /^spec {7}\{"items":2\}$/m);
  t.match((await schedules('pause', id)).text, `${id} is paused`);
  t.match((await schedules('list')).text, / paused$/);
  await t.rejects(schedules('run', id), { code: 'PT409', hint: /Resume/ });
  t.match((await schedules('resume', 'nightly')).text, `${id} is resumed`);
  t.match((await schedules('remove', 'nightly')).text, `${id} is removed`);
  t.same(await sql`select from tidemark.job_schedules`, []);

  for (const args of [
    ['show'],
    ['list', 'x'],
    ['explode', 'x'],
    ['pause', 'x', 'y'],
    ['pause', 'x', '--kind', 'y'],
    ['create', 'x'],
  ]) {
    await t.rejects(schedules(...args), { code: 'CLI_USAGE' }, args.join(' '));
  }
  await t.rejects(schedules('show', 'nothing'), { message: /none of the 100 newest schedules has the name "nothing"/ });
  await t.rejects(schedules('create', 'x', ...flags.slice(0, 4), '--spec', '{'), { message: /--spec is not JSON/ });
  await t.rejects(schedules('create', 'x', ...flags, '--overlap', 'maybe'), { message: /./, details: '/overlap' });
});

t.test('refuses what it cannot do, with the remedy', async (t) => {
  const { jobs } = await openJobs(t);
  for (const args of ['show', 'list x', 'explode x', 'show x y', 'cancel x --code y']) {
    await t.rejects(jobs(args), { code: 'CLI_USAGE' }, args);
  }
  await t.rejects(jobs('list', { TIDEMARK_HOME: '/nowhere' }), { message: /TIDEMARK_URL is not set/ });
  const noToken = { TIDEMARK_HOME: '/nowhere', TIDEMARK_URL: 'http://127.0.0.1:1' };
  await t.rejects(jobs('list', noToken), { message: /TIDEMARK_TOKEN is not set/ });
  await t.rejects(jobs('show 00000000-0000-0000-0000-000000000000'), { code: 'GATEWAY_JOB_NOT_FOUND' });
});

t.test('the line of a job has bar, counts, rate and the time left', async (t) => {
  const job = {
    state: 'running' as const,
    total: 1_200,
    done: 590,
    failed: 10,
    planned_all: true,
    rate: 4.25,
    eta: new Date(200_000).toISOString(),
    waits_for: null,
  };
  const half = `[${'#'.repeat(15)}${'.'.repeat(15)}]`;
  t.equal(progressLine(job, 0), `${half}  600 of 1,200  running  10 failed  4.3 items/s  3 min 20 s left`);
  const open = { ...job, planned_all: false, failed: 0, eta: null, rate: 1_234.5 };
  t.equal(progressLine(open, 0), `[${'.'.repeat(30)}]  590 of 1,200 or more  running  1,235 items/s`);
  const waiting = { ...open, state: 'queued' as const, total: 0, done: 0, rate: null, waits_for: 'a kind' };
  t.equal(progressLine(waiting, 0), `[${'.'.repeat(30)}]  0 of 0 or more  queued  waits for a kind`);
});
