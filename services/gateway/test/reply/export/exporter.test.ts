import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = await readFile(new URL('./exports.sql', import.meta.url), 'utf8');
const { url, sql, replica, request, token } = await useGateway(t, {
  script,
  env: { DB_MAX_ROWS: '100', EXPORTS_MAX: '2', EXPORT_STALL_MS: '1000' },
});
const SERVICE = { claims: { role: 'service_role' } };
const as = (accept: string, more: Record<string, string> = {}) => ({ ...SERVICE, headers: { accept, ...more } });
const { lsn } = (await sql`select pg_current_wal_flush_lsn()::text as lsn`)[0] as { lsn: string };
await until(
  async () => (await replica`select pg_last_wal_replay_lsn() >= ${lsn}::pg_lsn as ok`)[0]?.ok,
  'the replica has it',
);
await until(async () => (await request('/rest/v1/events?limit=1', SERVICE)).ok, 'the gateway answers');
/** RFC 4180. */
const parseCsv = (text: string) => {
  const rows: string[][] = [[]];
  const field = /(?:"((?:[^"]|"")*)"|([^,\n]*))(,|\n|$)/gy;
  for (let match = field.exec(text); match; match = field.exec(text)) {
    rows.at(-1)!.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === '') break;
    if (match[3] === '\n') rows.push([]);
  }
  return rows;
};
const raw = async (path: string, headers: Record<string, string>) => {
  const authorization = `Bearer ${await token({ role: 'service_role' })}`;
  const asked = httpRequest(`${url}${path}`, { headers: { authorization, ...headers } });
  // The test aborts the request itself.
  asked.on('error', () => undefined);
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  // The test aborts the request itself.
  response.on('error', () => undefined);
  return { asked, response };
};
const closed = (response: IncomingMessage) => new Promise((resolve) => response.once('close', resolve));
const busyExports = async () =>
  Number(
    (
      await sql`select count(*)::int as n from pg_stat_activity where application_name like '%/analytics%' and state <> 'idle' and datname = current_database()`
    )[0]!.n,
  ) +
  Number(
    (
      await replica`select count(*)::int as n from pg_stat_activity where application_name like '%/analytics%' and state <> 'idle' and datname = current_database()`
    )[0]!.n,
  );

t.test('exports all rows as CSV and NDJSON from a replica, as Postgres writes them', async (t) => {
  const expected = await sql`select id::text, at::text, score::text, body from events order by events.id`;
  const csv = await request(
    '/rest/v1/events?select=id,at,score,body&order=id',
    as('text/csv', { 'accept-encoding': 'identity' }),
  );
  t.equal(csv.status, 200);
  t.equal(csv.headers.get('content-length'), null);
  t.equal(csv.headers.get('tidemark-source'), 'replica');
  t.match(csv.headers.get('tidemark'), /^[^-]+-[0-9a-f]{16}$/i);
  t.match(csv.headers.get('content-type'), 'text/csv');
  const [header, ...rows] = parseCsv(await csv.text());
  t.same(header, ['id', 'at', 'score', 'body']);
  t.equal(rows.length, 300, 'beyond DB_MAX_ROWS');
  t.same(
    rows.map((row) => row.map((value) => value || null)),
    expected.map((row) => Object.values(row).map((value) => value || null)),
  );
  const ndjson = await request('/rest/v1/events?select=id,body,doc,notes(note)&order=id', as('application/x-ndjson'));
  const lines = (await ndjson.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(lines.length, 300);
  t.same(lines[1], { id: 2, body: expected[1]!.body, doc: { g: 1 }, notes: [{ note: 'note 2' }] });
  const page = await request('/rest/v1/events?select=id,at,score,body&order=id&limit=5', as('text/csv'));
  t.ok(page.headers.get('etag'), 'a page');
  t.equal(page.headers.get('content-range'), '0-4/*');
  t.same(parseCsv(await page.text()), [header, ...rows.slice(0, 5)], 'with the same values');
});

t.test('what a policy hides is not exported; a tidemark is kept; rows can be filtered and limited', async (t) => {
  const ada = await request('/rest/v1/events?select=owner', {
    claims: { role: 'authenticated', sub: 'ada' },
    headers: { accept: 'text/csv' },
  });
  t.equal(await ada.text(), `owner\n${Array(150).fill('ada').join('\n')}`);
  const anonymous = await request('/rest/v1/events', { headers: { accept: 'text/csv' } });
  t.equal(anonymous.status, 401);
  t.equal(((await anonymous.json()) as { code: string }).code, '42501');
  const { tidemark } = Object.fromEntries((await request('/rest/v1/events?limit=1', SERVICE)).headers);
  const after = await request(`/rest/v1/events?select=id&kind=eq.k1&limit=200&tidemark=${tidemark}`, as('text/csv'));
  t.ok(String(after.headers.get('tidemark')) >= String(tidemark));
  t.equal((await after.text()).split('\n').length, 1 + 43);
});

t.test('Prefer asks for a stream of JSON, a status line, a file name', async (t) => {
  const json = await request(
    '/rest/v1/events?order=id&select=id',
    as('application/json', { prefer: 'export=stream, filename="all events.json"' }),
  );
  t.equal(((await json.json()) as unknown[]).length, 300);
  t.equal(json.headers.get('content-disposition'), 'attachment; filename="all events.json"');
  t.equal(json.headers.get('preference-applied'), 'export=stream, filename="all events.json"');
  const plain = await request('/rest/v1/events?select=id', as('application/json'));
  t.equal(((await plain.json()) as unknown[]).length, 100, 'not asked for: a page');
  const lines = await request(
    '/rest/v1/events?select=id&limit=3',
    as('application/x-ndjson', { prefer: 'export=status-line' }),
  );
  const [, , , last] = (await lines.text()).split('\n');
  t.match(JSON.parse(last!), { '@status': 'complete', rows: 3, tidemark: lines.headers.get('tidemark') });
  const set = await request('/rest/v1/rpc/rows_of?n=120&select=id&order=id.desc', as('text/csv'));
  t.equal((await set.text()).split('\n').slice(0, 3).join(), 'id,120,119');
  const numbers = await request('/rest/v1/rpc/numbers?n=150', as('application/x-ndjson'));
  t.equal((await numbers.text()).trimEnd().split('\n').length, 150);
  const head = await request('/rest/v1/events', { ...as('text/csv'), method: 'HEAD' });
  t.equal(head.status, 200);
  await until(async () => (await busyExports()) === 0, 'all connections are free');
});

t.test('compresses an export while it streams', async (t) => {
  const { response } = await raw('/rest/v1/rpc/rows_of?n=300', { accept: 'text/csv', 'accept-encoding': 'gzip' });
  t.equal(response.headers['content-encoding'], 'gzip');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  t.equal(parseCsv(gunzipSync(Buffer.concat(chunks)).toString()).length, 301);
});

t.test(
  'refuses too many exports, cuts off a stalled reader, and frees the connection of a client that leaves',
  async (t) => {
    const open = () => raw('/rest/v1/endless', { accept: 'text/csv', 'accept-encoding': 'identity' });
    const [first, second] = [await open(), await open()];
    t.equal(await busyExports(), 2);
    const third = await request('/rest/v1/events', as('text/csv'));
    t.equal(third.status, 503);
    t.equal(third.headers.get('retry-after'), '5');
    t.match(await third.json(), { code: 'GATEWAY_EXPORTS_BUSY' });
    const began = Date.now();
    first.asked.destroy();
    await until(async () => (await busyExports()) === 1, 'one is free');
    t.ok(Date.now() - began < 1_000, 'within a second');
    // Never read: what the kernels hold fills up, and then it stalls.
    await until(async () => (await busyExports()) === 0, 'the stalled one is free');
    const ended = closed(second.response);
    second.response.resume();
    await ended;
    t.notOk(second.response.complete, 'a broken transfer');
    const again = await request('/rest/v1/events?select=id', as('text/csv'));
    t.equal(again.status, 200);
    await again.text();
  },
);

t.test('a backend killed in the middle breaks the transfer; a status line tells of it', async (t) => {
  const kill = async () => {
    for (const server of [sql, replica])
      await server`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%/analytics%' and datname = current_database()`;
  };
  const broken = await raw('/rest/v1/endless', { accept: 'text/csv', 'accept-encoding': 'identity' });
  await kill();
  broken.response.resume();
  await closed(broken.response);
  t.notOk(broken.response.complete);
  const told = await raw('/rest/v1/endless', {
    accept: 'application/x-ndjson',
    prefer: 'export=status-line',
    'accept-encoding': 'identity',
  });
  await kill();
  let text = '';
  for await (const chunk of told.response.setEncoding('utf8')) text += chunk;
  t.ok(told.response.complete);
  const lines = text.trimEnd().split('\n');
  t.match(JSON.parse(lines.at(-1)!), { '@status': 'failed', code: /57P01|DB_CONNECTION_LOST/ });
  await until(async () => (await busyExports()) === 0, 'all connections are free');
});

const ORDERS = [
  'id',
  'id.desc',
  'at.desc',
  'at',
  'at.asc.nullsfirst,kind.desc',
  'score.desc.nullslast,at',
  'kind,at.desc',
  'doc->>g,body.desc,id',
];

t.test('pages by key show every row once, in order, whatever the order', async (t) => {
  const visit = async (path: string, onPage?: (page: number) => Promise<unknown>) => {
    const seen: { id: number }[] = [];
    let next: string | undefined = path;
    for (let page = 1; next !== undefined && page < 100; page++) {
      const response: Response = await request(next, SERVICE);
      if (response.status !== 200) throw new Error(await response.text());
      seen.push(...((await response.json()) as { id: number }[]));
      next = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
      await onPage?.(page);
    }
    return seen;
  };
  for (const order of ORDERS) {
    const whole = (await (
      await request(
        `/rest/v1/events?select=id&order=${order}${/\bid\b/.test(order) ? '' : `,id${order.split(',').at(-1)!.includes('.desc') ? '.desc' : ''}`}&id=gt.10`,
        { ...SERVICE, headers: { prefer: 'export=stream' } },
      )
    ).json()) as { id: number }[];
    t.same(await visit(`/rest/v1/events?select=id&id=gt.10&order=${order}&limit=37&after=`), whole, order);
  }
  t.same(
    (await visit('/rest/v1/events?select=kind,notes(note)&order=at.desc&limit=60&after=')).length,
    300,
    'without the columns of the order',
  );
  t.same(
    await visit('/rest/v1/events?select=notes!inner(id)&notes.id=lte.50&limit=20&after='),
    Array.from({ length: 50 }, (_, i) => ({ notes: [{ id: i + 1 }] })),
  );
  const moving = await visit('/rest/v1/events?select=id&order=kind&limit=50&after=', (page) =>
    Promise.all([
      sql`insert into events (kind, owner) values (${page % 2 ? 'a' : 'k3'}, 'new')`,
      sql`update events set body = 'touched' where id % 10 = ${page}`,
    ]),
  );
  const old = moving.filter(({ id }) => id <= 300);
  t.equal(old.length, 300, 'each old row');
  t.equal(new Set(moving.map(({ id }) => id)).size, moving.length, 'once, while others were inserted');
  await sql`delete from events where owner = 'new'`;
  const counted = await request('/rest/v1/events?select=id&limit=10&after=', {
    ...SERVICE,
    headers: { prefer: 'count=exact' },
  });
  t.equal(counted.status, 206);
  t.equal(counted.headers.get('content-range'), '*/300');
});

t.test('refuses the cursor of another query, and a query without a key', async (t) => {
  const first = await request('/rest/v1/events?order=at.desc&limit=5&after=', SERVICE);
  const cursor = /after=([^>&]+)/.exec(first.headers.get('link')!)![1];
  const cases: [string, string, RegExp][] = [
    [
      `events?order=kind&limit=5&after=${cursor}`,
      'GATEWAY_CURSOR',
      /is of the order at\.desc,id\.desc, and this is kind\.asc,id\.asc/,
    ],
    ['events?order=id&after=AAAA', 'GATEWAY_CURSOR', /cannot be read/],
    [`events?order=id&after=${Buffer.from('["id.asc",null]').toString('base64url')}`, 'GATEWAY_CURSOR', /values/],
    [`events?order=id&after=${Buffer.from('["id.asc","x"]').toString('base64url')}`, '22P02', /bigint/],
    ['named?after=', 'GATEWAY_KEYSET', /no key that is proven/],
    ['events?offset=5&after=', 'GATEWAY_KEYSET', /offset/],
    ['events?select=count()&after=', 'GATEWAY_KEYSET', /aggregates/],
    ['events?order=doc&after=', 'GATEWAY_KEYSET', /do not compare/],
    ['notes?select=id,events(id)&order=events(at)&after=', 'GATEWAY_KEYSET', /embedded/],
    ['rpc/numbers?n=3&after=', 'GATEWAY_KEYSET', /function/],
  ];
  for (const [path, code, message] of cases) {
    const response = await request(`/rest/v1/${path}`, SERVICE);
    const problem = (await response.json()) as { code: string; message: string; hint: string | null };
    t.match({ status: response.status, ...problem }, { status: 400, code, message }, path);
    if (code !== '22P02') t.ok(problem.hint);
  }
});
