/** The bytes of answers are bounded: of one, of all at once, and of what nested embeds can multiply to. */
import { connect, type Socket } from 'node:net';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const MB = 1024 ** 2;
const script = `
  create table teams (id int primary key, name text not null);
  create table matches (id int primary key, home int not null references teams, away int not null references teams);
  insert into teams select i, 'team ' || i from generate_series(1, 8) i;
  insert into matches select row_number() over (), a.id, b.id from teams a join teams b on a.id < b.id;
  create table notes (id int primary key, body text not null);
  insert into notes select i, repeat('x', 1000) from generate_series(1, 5000) i;
  create function long_text(bytes int) returns text language sql stable as $$ select repeat('x', bytes) $$;
  create function note_all() returns setof notes language sql volatile as
    $$ insert into notes values (-1, 'called') returning *; select * from notes $$;
  create function doubled(notes) returns text language sql stable as $$ select repeat($1.body, 2000) $$;
  create function chatty() returns int language plpgsql as
    $$ begin for i in 1..3000 loop raise notice '%', repeat('x', 1000); end loop; return 1; end $$;
  grant select, insert, update, delete on all tables in schema public to anon, authenticated;`;
const env = { ANSWER_MAX_BYTES: String(MB), ANSWERS_TOTAL_BYTES: String(8 * MB), DB_PLAN_ENABLED: 'true' };
const gateway = await useGateway(t, { script, env });
const { sql } = gateway;

const JSON_TYPE = 'application/json';
async function ask(path: string, init: RequestInit & { claims?: Record<string, unknown> } = {}) {
  const answer = await gateway.request(path, init);
  const text = await answer.text();
  const isJson =
    answer.headers.get('content-type')?.includes('json') && !answer.headers.get('content-type')?.includes('ndjson');
  return { status: answer.status, text, body: isJson && text !== '' ? JSON.parse(text) : null };
}
const metric = async (name: string) => {
  const token = await gateway.token({ role: 'ops' });
  const text = await (await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
};

t.test('every route refuses an answer over ANSWER_MAX_BYTES and names the remedy', async (t) => {
  const prefer = 'return=representation';
  const post = (body: unknown, headers: Record<string, string> = {}) => ({
    method: 'POST',
    headers: { 'content-type': JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });
  const doors: Record<string, [string, Parameters<typeof ask>[1]?]> = {
    'a read': ['/rest/v1/notes'],
    'a read by key': ['/rest/v1/notes?id=eq.1&select=doubled'],
    'a read with a count': ['/rest/v1/notes?select=id,body', { headers: { prefer: 'count=exact' } }],
    'a page by key': ['/rest/v1/notes?limit=4000&after='],
    'a page of CSV': ['/rest/v1/notes?limit=4000', { headers: { accept: 'text/csv' } }],
    'a scalar function by GET': ['/rest/v1/rpc/long_text?bytes=3000000'],
    'a scalar function by POST': ['/rest/v1/rpc/long_text', post({ bytes: 3_000_000 })],
    'a function that writes': ['/rest/v1/rpc/note_all', post({})],
    'a function with an Idempotency-Key': [
      '/rest/v1/rpc/note_all',
      { ...post({}, { 'idempotency-key': 'n1' }), claims: { role: 'authenticated', sub: 'ada' } },
    ],
    'an insert': ['/rest/v1/notes?select=doubled', post({ id: 9001, body: 'x'.repeat(1000) }, { prefer })],
    'an upsert': [
      '/rest/v1/notes?select=id,doubled',
      post([{ id: 9002, body: 'x'.repeat(1000) }], { prefer: `${prefer},resolution=merge-duplicates` }),
    ],
    'an update': [
      '/rest/v1/notes?id=gt.0',
      {
        method: 'PATCH',
        headers: { 'content-type': JSON_TYPE, prefer },
        body: JSON.stringify({ body: 'y'.repeat(1000) }),
      },
    ],
    'a delete': ['/rest/v1/notes?id=gt.0', { method: 'DELETE', headers: { prefer } }],
    'a transaction': [
      '/api/v1/transaction',
      post({
        operations: [
          { method: 'POST', path: '/rest/v1/notes', body: { id: 9003, body: 'x' } },
          { method: 'POST', path: '/rest/v1/rpc/long_text', body: { bytes: 700_000 } },
          { method: 'POST', path: '/rest/v1/rpc/long_text', body: { bytes: 700_000 } },
        ],
      }),
    ],
    'rows one by one': [
      '/rest/v1/notes?select=body',
      post(
        [9004, 9005, 9006].map((id) => ({ id, body: 'x'.repeat(500_000) })),
        { prefer: `${prefer},results=per-row` },
      ),
    ],
  };
  for (const [name, [path, init]] of Object.entries(doors)) {
    const { status, body, text } = await ask(path, init);
    t.match({ status, body }, { status: 400, body: { code: 'DB_ANSWER_BYTES' } }, `${name}: ${text.slice(0, 300)}`);
    t.match(body?.hint, /after=.*text\/csv.*ndjson/, name);
  }
  const [left] =
    await sql`select count(*)::int as rows, count(*) filter (where id not between 1 and 5000 or body like 'y%')::int as new from notes`;
  t.same(left, { rows: 5000, new: 0 }, 'nothing was written');
  t.ok((await metric('tidemark_answers_too_large_total')) > 0);
  t.match(await ask('/rest/v1/rpc/chatty', post({})), { status: 200, body: 1 }, 'notices are no part of an answer');
  t.equal((await ask('/rest/v1/notes?limit=900')).body.length, 900, 'one below the limit is answered');
  for (const accept of ['text/csv', 'application/x-ndjson']) {
    const { status, text } = await ask('/rest/v1/notes', { headers: { accept } });
    t.ok(status === 200 && text.length > 4 * MB, `${accept} streams`);
  }
});

t.test('a joined insert whose answer is too long fails alone', async (t) => {
  const insert = (id: number, body: string) =>
    ask('/rest/v1/notes?select=id,doubled', {
      method: 'POST',
      headers: { prefer: 'return=representation' },
      body: JSON.stringify({ id, body }),
    });
  const long = 'x'.repeat(1000);
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) => insert(20_000 + i, i % 10 === 3 ? long : 'y')),
  );
  answers.forEach(({ status, body }, i) => {
    if (i % 10 === 3) t.match({ status, body }, { status: 400, body: { code: 'DB_ANSWER_BYTES' } });
    else t.match({ status, body }, { status: 201, body: [{ id: 20_000 + i }] });
  });
  const [{ rows } = { rows: 0 }] = await sql`select count(*)::int as rows from notes where id >= 20000`;
  t.equal(rows, 27);
  await sql`delete from notes where id >= 20000`;
});

t.test('limits of nested embeds multiply, and the product is bounded', async (t) => {
  const nested = (levels: number, leaf = 'id'): string =>
    levels === 0 ? leaf : `id,matches!matches_home_fkey(id,teams!matches_away_fkey(${nested(levels - 1, leaf)}))`;
  const refused = await ask(`/rest/v1/teams?select=${nested(5)}`);
  t.match(refused, {
    status: 400,
    body: { code: 'GATEWAY_EMBED_ROWS', message: /matches\.teams\.matches/, hint: /limit/ },
  });
  t.equal((await ask(`/rest/v1/teams?select=${nested(4)}`)).status, 200, 'five levels of rows, and any of one row');
  t.equal((await ask(`/rest/v1/teams?id=eq.1&select=${nested(5)}`)).status, 200, 'one row by its key is no level');
  const limits = `limit=10&matches.limit=100&matches.teams.matches.limit=100`;
  t.equal((await ask(`/rest/v1/teams?select=${nested(5)}&${limits}`)).status, 200, 'limits make it fit');
  t.equal((await ask(`/rest/v1/teams?select=${nested(5)}&matches.limit=10000`)).status, 400, 'and no other limits do');
  const write = { method: 'PATCH', headers: { prefer: 'return=representation' }, body: '{"name":"never"}' };
  t.match(await ask(`/rest/v1/teams?id=gt.0&select=${nested(5)}`, write), { body: { code: 'GATEWAY_EMBED_ROWS' } });
  const [{ renamed } = { renamed: 0 }] = await sql`select count(*)::int as renamed from teams where name = 'never'`;
  t.equal(renamed, 0);
});

t.test('clients that do not read their responses neither fill the memory nor block other clients', async (t) => {
  // Longer than what the kernel takes over for a client that does not read.
  const limits = { ANSWER_MAX_BYTES: String(16 * MB), ANSWERS_TOTAL_BYTES: String(64 * MB) };
  const url = await gateway.another({ ...limits, TRUST_PROXY: 'loopback' });
  const path = `/rest/v1/rpc/long_text?bytes=${12 * MB}`;
  const token = await gateway.token({ role: 'authenticated', sub: 'ada' });
  const held = async () => {
    const headers = { authorization: `Bearer ${await gateway.token({ role: 'ops' })}` };
    const text = await (await fetch(`${url}/metrics`, { headers })).text();
    return Number(/^tidemark_answers_bytes(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]);
  };
  const sockets: Socket[] = [];
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(end);
  const { hostname, port } = new URL(url);
  const leave = (header = 'X-Forwarded-For: 203.0.113.7') =>
    new Promise<string>((resolve) => {
      const socket = connect({ host: hostname, port: Number(port) });
      sockets.push(socket);
      // The server resets this connection on purpose.
      socket.on('error', () => undefined);
      // The head tells the status; nothing more is read.
      socket.once('data', (chunk) => {
        socket.pause();
        resolve(chunk.toString('latin1', 9, 12));
      });
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\n${header}\r\n\r\n`);
    });
  const before = process.memoryUsage.rss();
  const statuses: string[] = [];
  while (!statuses.includes('503') && statuses.length < 50) statuses.push(await leave());
  t.same(statuses, ['200', '200', '503'], 'half of the total is everybody’s, then an identity has its share');
  t.ok(process.memoryUsage.rss() - before < 150 * MB, 'the process has not grown by much');
  const again = await fetch(`${url}${path}`, { headers: { 'x-forwarded-for': '203.0.113.7' } });
  t.equal(again.headers.get('retry-after'), '1');
  t.match(await again.json(), { code: 'DB_ANSWERS_FULL' }, 'the same identity');
  t.equal((await fetch(`${url}/rest/v1/notes?limit=10`)).status, 200, 'short answers go on');
  const other = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  t.equal((await other.text()).length, 12 * MB + 2, 'another identity gets in');
  t.ok((await held()) >= 24 * MB);
  const elsewhere = 'X-Forwarded-For: 203.0.113.8';
  t.same([await leave(elsewhere), await leave(elsewhere)], ['200', '503'], 'so does an anonymous client elsewhere');
  const bearer = async (jti: string) =>
    leave(`Authorization: Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada', jti })}`);
  t.same([await bearer('1'), await bearer('2')], ['200', '503'], 'and a subject has one share, with whatever tokens');
  end();
  await until(async () => (await held()) === 0, 'the bytes are free again');
  t.equal((await (await fetch(`${url}${path}`)).text()).length, 12 * MB + 2);
});
