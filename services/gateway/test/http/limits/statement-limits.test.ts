/** Every statement has its role's limit, whatever is asked for, and ends when its client has gone: seen in pg_stat_activity. */
import { connect } from 'node:net';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
create table slow (id integer primary key, note text);
insert into slow select g from generate_series(1, 3) g;
create function slowly() returns boolean language plpgsql volatile cost 1 as $$ begin perform pg_sleep(30); return true; end $$;
create table slow_rows (id integer primary key);
insert into slow_rows select g from generate_series(1, 3) g;
alter table slow_rows enable row level security;
create policy slow on slow_rows using (slowly());
create function waits(slow) returns integer language plpgsql volatile as $$ begin perform pg_sleep(30); return 1; end $$;
create view slow_view as select id, note from slow where slowly();
create function sleeps(ms integer default 30000) returns integer language plpgsql volatile as $$ begin perform pg_sleep(ms / 1000.0); return 1; end $$;
create function reads_slowly() returns setof slow language plpgsql stable as $$ begin perform pg_sleep(30); return query select * from slow; end $$;
create function slow_insert() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return new; end $$;
create table slow_writes (id integer primary key);
alter table slow_writes enable row level security;
create policy slow on slow_writes with check (slowly());
create policy seen on slow_writes for select using (true);
create role explainer bypassrls;
grant explainer to current_user;
grant select, insert, update, delete on all tables in schema public to anon, authenticated, service_role, explainer;
`;
const gateway = await useGateway(t, {
  script,
  env: {
    STATEMENT_TIMEOUTS: 'anon=300ms,explainer=300ms,authenticated=60s,*=15s',
    EXPORT_TIMEOUTS: 'anon=600ms,*=60s',
    DB_PLAN_ENABLED: 'true',
    DB_PLAN_ROLES: 'explainer',
    JWT_ROLES: 'anon,authenticated,service_role,ops,explainer',
    DB_READ_POOL_MAX: '4',
    DB_WRITE_POOL_MAX: '4',
  },
});
const { sql, replica } = gateway;
const ADA = { role: 'authenticated', sub: 'ada' };
/** Plans are shown only to a role that sees every row. */
const EXPLAINER = { role: 'explainer', sub: 'eve' };
const isPlan = (way: string) => way.startsWith('a plan');
const PLAN = 'application/vnd.pgrst.plan+json; options=analyze';

/** Statements of the gateway that sleep, on both servers. */
const SLEEPING = `select count(*)::int as n from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and state = 'active' and wait_event = 'PgSleep'`;
async function sleeping(): Promise<number> {
  const [[primary], [standby]] = await Promise.all([sql.unsafe(SLEEPING), replica.unsafe(SLEEPING)]);
  return primary?.n + standby?.n;
}

/** Each way to have a slow statement run. */
const WAYS: readonly [name: string, path: string, init: RequestInit][] = [
  ['a read', '/rest/v1/slow_view?select=id', {}],
  ['a read by keyset', '/rest/v1/slow_rows?select=id&after=', {}],
  ['CSV', '/rest/v1/slow_view?select=id', { headers: { accept: 'text/csv' } }],
  ['NDJSON', '/rest/v1/slow_view?select=id', { headers: { accept: 'application/x-ndjson' } }],
  ['a plan that is run', '/rest/v1/slow?select=id,waits', { headers: { accept: PLAN } }],
  ['a function', '/rest/v1/rpc/sleeps', { method: 'POST', body: '{}' }],
  ['a function that reads', '/rest/v1/rpc/reads_slowly', {}],
  ['a plan of a function', '/rest/v1/rpc/sleeps', { method: 'POST', body: '{}', headers: { accept: PLAN } }],
  ['an insert', '/rest/v1/slow_writes', { method: 'POST', body: '{"id":1}' }],
  [
    'an insert that is looked at',
    '/rest/v1/slow_writes',
    { method: 'POST', body: '{"id":2}', headers: { prefer: 'handling=strict, max-affected=1, return=representation' } },
  ],
  [
    'a transaction',
    '/api/v1/transaction',
    { method: 'POST', body: '{"operations":[{"method":"POST","path":"/rest/v1/rpc/sleeps","body":{}}]}' },
  ],
];

t.test('no kind of request gets more time than the role has', async (t) => {
  for (const [name, path, init] of WAYS) {
    const began = performance.now();
    const claims = isPlan(name) ? { claims: EXPLAINER } : {};
    const answer = await gateway.request(path, { ...init, ...claims });
    const text = await answer.text();
    t.match(text, /57014|DB_TRANSACTION_TIMEOUT/, `${name}: ${answer.status} ${text.slice(0, 200)}`);
    t.ok(performance.now() - began < 5_000, `${name} ended after ${Math.round(performance.now() - began)} ms`);
  }
  t.equal(await sleeping(), 0);
});

t.test('the statements of a transaction have the limit together', async (t) => {
  const operation = '{"method":"POST","path":"/rest/v1/rpc/sleeps","body":{"ms":200}}';
  const body = `{"operations":[${Array(10).fill(operation).join(',')}]}`;
  const answer = await gateway.request('/api/v1/transaction', { method: 'POST', body });
  t.equal(answer.status, 504);
  t.match(await answer.json(), { code: /57014|DB_TRANSACTION_TIMEOUT/ });
});

t.test('each role has its own limit, and the lower statement_timeout of Postgres holds', async (t) => {
  const call = (role: string, ms: number) =>
    gateway.request(`/rest/v1/rpc/sleeps`, {
      method: 'POST',
      body: JSON.stringify({ ms }),
      claims: { role, sub: 'a' },
    });
  t.equal((await call('authenticated', 500)).status, 200);
  const [database] = await sql`select current_database() as name`;
  await sql.unsafe(`alter role service_role in database "${database?.name}" set statement_timeout = '150ms'`);
  t.teardown(() => sql.unsafe(`alter role service_role in database "${database?.name}" reset statement_timeout`));
  const url = await gateway.another();
  const token = await gateway.token({ role: 'service_role' });
  const answer = await fetch(`${url}/rest/v1/rpc/sleeps`, {
    method: 'POST',
    body: '{"ms": 5000}',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  });
  t.match(await answer.json(), { code: '57014' });
});

t.test('cancels the statement of a client that leaves', async (t) => {
  const url = await gateway.another({ STATEMENT_TIMEOUTS: '*=60s' });
  for (const [name, path, init] of WAYS) {
    const gone = new AbortController();
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${await gateway.token(isPlan(name) ? EXPLAINER : ADA)}`);
    if (init.body) headers.set('content-type', 'application/json');
    const answer = fetch(`${url}${path}`, { ...init, headers, signal: gone.signal });
    const ended = t.rejects(answer, { name: 'AbortError' }, name);
    await until(async () => (await sleeping()) > 0, `${name} runs`);
    gone.abort();
    await ended;
    await until(async () => (await sleeping()) === 0, `${name} is cancelled`);
  }
  t.equal((await sql`select 1 from slow_writes`).length, 0, 'nothing was written');
  const after = await gateway.request('/rest/v1/slow?select=id&order=id', { claims: ADA });
  t.same(await after.json(), [{ id: 1 }, { id: 2 }, { id: 3 }], 'the connections go on');
});

t.test('cancels a shared statement when both of its clients have left', async (t) => {
  const controllers = [new AbortController(), new AbortController()];
  const ask = (signal: AbortSignal) =>
    gateway.request('/rest/v1/slow_view?select=id,note&limit=2', { claims: ADA, signal }).catch(() => 'gone');
  const [first, second] = controllers.map(({ signal }) => ask(signal));
  await until(async () => (await sleeping()) > 0, 'it runs');
  controllers[0]?.abort();
  await first;
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.ok((await sleeping()) > 0, 'the other still waits');
  controllers[1]?.abort();
  await second;
  await until(async () => (await sleeping()) === 0, 'it is cancelled');
});

t.test('a request leaves the connection queue when its client leaves', async (t) => {
  const gone = new AbortController();
  const call = () =>
    gateway
      .request('/rest/v1/rpc/sleeps', { method: 'POST', body: '{}', claims: ADA, signal: gone.signal })
      .catch(() => undefined);
  const calls = Array.from({ length: 12 }, call);
  await until(async () => (await sleeping()) >= 3, 'the pool is busy, all but its reserve');
  gone.abort();
  await Promise.all(calls);
  await until(async () => (await sleeping()) === 0, 'all are cancelled');
  const began = performance.now();
  const answer = await gateway.request('/rest/v1/rpc/sleeps', { method: 'POST', body: '{"ms": 1}', claims: ADA });
  t.equal(answer.status, 200);
  t.ok(performance.now() - began < 3_000, 'nobody is left in the line');
});

t.test('a client that resets its connection is noticed as well, and pipelined requests with it', async (t) => {
  const { hostname, port } = new URL(gateway.url);
  const token = await gateway.token(ADA);
  const socket = connect(Number(port), hostname);
  const request = `GET /rest/v1/slow_view?select=id HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAccept-Profile: public\r\n`;
  socket.write(`${request}X-N: 1\r\n\r\n${request.replace('select=id', 'select=note')}\r\n`);
  await until(async () => (await sleeping()) > 0, 'they run');
  socket.resetAndDestroy();
  await until(async () => (await sleeping()) === 0, 'they are cancelled');
  t.pass();
});

t.test(
  'while a pool is half used, an identity whose statements are cut off repeatedly is refused; others are not',
  async (t) => {
    const url = await gateway.another({ WORK_LIMITS: 'anon=500/10s', STATEMENT_TIMEOUTS: 'anon=300ms,*=15s' });
    const token = await gateway.token(ADA);
    const sleep = (ms: number, headers: Record<string, string> = {}) =>
      fetch(`${url}/rest/v1/rpc/sleeps`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ ms }),
      });
    const asAda = { authorization: `Bearer ${token}` };
    const seen = new Set<string>();
    await until(async () => {
      // Three of four connections are in use: by Ada, whose statements end, and by those of anon, which are cut off.
      const [ada, ...anon] = await Promise.all([sleep(100, asAda), sleep(30_000), sleep(30_000), sleep(30_000)]);
      t.equal(ada?.status, 200);
      for (const answer of anon) seen.add(((await answer.json()) as { code: string }).code);
      return seen.has('GATEWAY_WORK_LIMITED');
    }, 'anon is refused for what its statements have cost');
    t.ok(seen.has('57014'), 'they ran until they were cut off');
    t.equal((await sleep(1, asAda)).status, 200);
    const refused = await sleep(1);
    t.equal(refused.status, 429);
    t.ok(Number(refused.headers.get('retry-after')) >= 1);
  },
);
