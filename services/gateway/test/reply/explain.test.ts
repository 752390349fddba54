/** Execution plans in place of answers, and counts that are exact, planned or estimated. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const script = `
  create table books (id int primary key, title text not null, "cost $9" int not null default 1);
  insert into books select i, 'book ' || i from generate_series(1, 500) i;
  analyze books;
  create table private (id int primary key, owner text not null);
  alter table private enable row level security;
  create policy own on private to authenticated
    using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
  create view dear_books as select id, title from books where "cost $9" > 100;
  create view own_private with (security_invoker) as select id from private;
  create view all_private as select id, owner from private;
  create function peek(books) returns bigint language sql stable as 'select count(*) from private';
  create table visible (id int primary key);
  alter table visible enable row level security;
  create policy anybody on visible to service_role using (true);
  create policy nobody on visible to authenticated using (false);
  create role overseer bypassrls;
  grant overseer to current_user;
  create table shelves (id int primary key, book_id int references books, private_id int references private);
  create table lent (book_id int references books, private_id int references private, primary key (book_id, private_id));
  create function add_book(title text) returns int volatile language sql as
    $$ insert into books select max(id) + 1, $1 from books returning id $$;
  grant select, insert, update, delete on all tables in schema public to anon, authenticated, service_role, overseer;`;
const env: Record<string, string> = {
  JWT_ROLES: 'anon,authenticated,service_role,ops,overseer',
  DB_PLAN_ENABLED: 'true',
  DB_PLAN_ROLES: 'anon,authenticated,service_role,overseer',
  COUNT_ESTIMATED_THRESHOLD: '100',
};
const gateway = await useGateway(t, { script, env });
const { sql } = gateway;

const JSON_PLAN = 'application/vnd.pgrst.plan+json';
interface Plan {
  'Node Type': string;
  Plans?: Plan[];
  [key: string]: unknown;
}
async function planOf(path: string, accept: string, init: RequestInit & { claims?: Record<string, unknown> } = {}) {
  const answer = await gateway.request(path, { ...init, headers: { accept, ...(init.headers as object) } });
  const text = await answer.text();
  t.equal(answer.status, 200, text.slice(0, 300));
  return { answer, text };
}
const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];
const parsed = (text: string): { Plan: Plan; [key: string]: unknown } => JSON.parse(text)[0];

t.test('explains reads as JSON and as text, with options', async (t) => {
  const json = await planOf('/rest/v1/books?id=eq.1', JSON_PLAN);
  t.equal(json.answer.headers.get('content-type'), `${JSON_PLAN}; for="application/json"; charset=utf-8`);
  const index = nodes(parsed(json.text).Plan).find((node) => /Index/.test(node['Node Type']));
  t.match(index, { 'Index Name': 'books_pkey' });
  t.equal(index?.['Actual Rows'], undefined, 'it was not run');
  const options = 'options=analyze|buffers|settings|verbose|wal';
  const run = await planOf('/rest/v1/books?id=eq.1', `${JSON_PLAN}; for="text/csv"; ${options}`);
  t.match(parsed(run.text), { 'Execution Time': Number });
  t.ok(nodes(parsed(run.text).Plan).some((node) => 'Shared Hit Blocks' in node && 'Output' in node));
  t.match(run.answer.headers.get('content-type'), /for="text\/csv"; options=analyze\|verbose\|settings\|buffers\|wal/);
  const text = await planOf('/rest/v1/books?select=title', 'application/vnd.pgrst.plan+text');
  t.match(text.text, /Seq Scan on books/);
  t.equal(
    (await gateway.request('/rest/v1/books?id=eq.1', { headers: { accept: `${JSON_PLAN};q=0.5, */*` } })).headers.get(
      'content-type',
    ),
    'application/json; charset=utf-8',
  );
});

t.test('a role that a policy or a view may hide rows from is shown no plan of them', async (t) => {
  await sql`insert into private select i, 'bob' from generate_series(1, 300) i`;
  await sql`analyze private`;
  const ada = { role: 'authenticated', sub: 'ada' };
  const reads = [
    'private',
    'private?owner=eq.bob',
    'own_private',
    'all_private',
    'dear_books',
    'books?select=peek',
    'books?peek=gt.0',
    'books?order=peek',
    'books?select=id,shelves(id,private(id))',
    'books?select=id,private(id)',
    'shelves?select=id,books(id,...private(owner))',
  ];
  for (const options of ['', '; options=analyze|buffers', '; options=verbose']) {
    const headers = { accept: `${JSON_PLAN}${options}` };
    for (const read of reads) {
      const answer = await gateway.request(`/rest/v1/${read}`, { claims: ada, headers });
      const text = await answer.text();
      t.match(
        { status: answer.status, body: JSON.parse(text) },
        { status: 403, body: { code: 'GATEWAY_PLAN_POLICY' } },
        read,
      );
      t.notMatch(text, /Rows|claims|Filter/);
    }
    const writes: [string, RequestInit][] = [
      ['private', { method: 'POST', body: '{"id":1,"owner":"ada"}' }],
      ['private?id=eq.1', { method: 'PATCH', body: '{"owner":"ada"}' }],
      ['private?id=eq.1', { method: 'DELETE' }],
      ['books?id=eq.1&select=id,private(id)', { method: 'PATCH', body: '{"title":"x"}' }],
      ['rpc/add_book', { method: 'POST', body: '{"title":"never"}' }],
    ];
    for (const [path, init] of writes) {
      const answer = await gateway.request(`/rest/v1/${path}`, { ...init, claims: ada, headers });
      t.match(await answer.json(), { code: 'GATEWAY_PLAN_POLICY' }, `${init.method} ${path}`);
    }
  }
  const service = { claims: { role: 'overseer' } };
  const run = await planOf('/rest/v1/private?owner=eq.ada', `${JSON_PLAN}; options=analyze`, service);
  t.match(run.text, /"Rows Removed by Filter":300/, 'a role that bypasses policies is shown all of it');
  await planOf('/rest/v1/dear_books', JSON_PLAN, service);
  await planOf('/rest/v1/visible', JSON_PLAN, { claims: { role: 'service_role' } });
  const visible = await gateway.request('/rest/v1/visible', { claims: ada, headers: { accept: JSON_PLAN } });
  t.equal(visible.status, 403, 'whether it is just true is asked for each role');
  await sql`truncate private cascade`;
});

t.test('whether a policy applies is read from the present schema', async (t) => {
  await sql`create table open_table (id int)`;
  await sql`grant select on open_table to anon`;
  const status = async () => (await gateway.request('/rest/v1/open_table', { headers: { accept: JSON_PLAN } })).status;
  await until(async () => (await status()) === 200);
  await sql`alter table open_table enable row level security`;
  await until(async () => (await status()) === 403);
  t.pass();
});

t.test('only roles in DB_PLAN_ROLES are shown plans, and a missing right is refused', async (t) => {
  const url = await gateway.another({ DB_PLAN_ROLES: 'service_role' });
  const answer = await fetch(`${url}/rest/v1/books`, { headers: { accept: JSON_PLAN } });
  t.match({ status: answer.status, body: await answer.json() }, { status: 403, body: { code: 'GATEWAY_PLAN_ROLE' } });
  await sql`create table hidden (id int)`;
  let missing: Response;
  do missing = await gateway.request('/rest/v1/hidden', { headers: { accept: JSON_PLAN } });
  while (missing.status === 404);
  t.equal(missing.status, 401);
});

t.test('writes and functions are explained, analysed, and leave nothing', async (t) => {
  const analyze = `${JSON_PLAN}; options=analyze`;
  const body = '{"id":9000,"title":"never"}';
  for (const accept of [JSON_PLAN, analyze]) {
    const insert = await planOf('/rest/v1/books', accept, { method: 'POST', body });
    t.ok(
      nodes(parsed(insert.text).Plan).some(
        (node) => node['Node Type'] === 'ModifyTable' && node.Operation === 'Insert',
      ),
    );
    await planOf('/rest/v1/books?id=eq.1', accept, { method: 'PATCH', body: '{"title":"never"}' });
    await planOf('/rest/v1/books?id=eq.2', accept, { method: 'DELETE' });
    await planOf('/rest/v1/rpc/add_book', accept, {
      method: 'POST',
      body: '{"title":"never"}',
      claims: { role: 'overseer' },
    });
  }
  const [row] =
    await sql`select count(*)::int as books, count(*) filter (where title = 'never')::int as never from books`;
  t.same(row, { books: 500, never: 0 });
  await gateway.request('/rest/v1/books', { method: 'POST', body, headers: { accept: 'application/json' } });
  t.equal((await sql`delete from books where id = 9000`).count, 1, 'a write is a write again');
});

t.test('counts rows exactly, by the plan, and by an estimate above the threshold', async (t) => {
  const total = async (path: string, count: string) => {
    const answer = await gateway.request(path, { headers: { prefer: `count=${count}`, range: '0-1' } });
    t.match(answer.headers.get('preference-applied'), `count=${count}`);
    return Number(answer.headers.get('content-range')?.split('/')[1]);
  };
  t.equal(await total('/rest/v1/books?id=lte.420', 'exact'), 420);
  const planned = await total('/rest/v1/books?id=lte.420', 'planned');
  t.ok(planned > 300 && planned < 600, `planned: ${planned}`);
  t.equal(await total('/rest/v1/books?id=lte.7', 'estimated'), 7, 'counted below the threshold');
  t.equal(await total('/rest/v1/books?title=like.*1', 'estimated'), 50, 'where the planner would be wrong');
  t.equal(await total('/rest/v1/books?id=lte.420', 'estimated'), planned, 'the planner’s above it');
  t.equal(
    (await total(
      '/rest/v1/books?title=neq.x&id=gt.0&title=like.book*&title=not.like.x*&id=neq.0&"cost $9"=eq.1&limit=5&offset=3',
      'planned',
    )) > 0,
    true,
    'a column that looks like a placeholder',
  );
});

t.test('where a policy applies, every count is exact', async (t) => {
  await sql`insert into private select i, case when i <= 5 then 'ada' else 'bob' end from generate_series(1, 400) i`;
  await sql`insert into lent select i, i from generate_series(1, 400) i`;
  await sql`analyze private`;
  await sql`analyze lent`;
  const total = async (path: string, count: string, claims: Record<string, unknown>) => {
    const answer = await gateway.request(path, { headers: { prefer: `count=${count}`, range: '0-0' }, claims });
    return [answer.headers.get('content-range'), answer.headers.get('preference-applied')];
  };
  const ada = { role: 'authenticated', sub: 'ada' };
  for (const count of ['planned', 'estimated']) {
    t.same(await total('/rest/v1/private', count, ada), ['0-0/5', 'count=exact']);
    t.same(await total('/rest/v1/private?owner=eq.bob', count, ada), ['*/0', 'count=exact']);
    t.same(await total('/rest/v1/own_private', count, ada), ['0-0/5', 'count=exact'], 'through a view');
    t.same(await total('/rest/v1/books?select=id,private!inner(id)', count, ada), ['0-0/5', 'count=exact'], 'an embed');
  }
  const [planned] = await total('/rest/v1/private', 'planned', { role: 'overseer' });
  t.match(planned, /0-0\/400/, 'the planner’s guess for a role that sees all of it');
});

t.test('is off by default, and the error says so', async (t) => {
  env.DB_PLAN_ENABLED = 'false';
  const url = await gateway.another();
  const answer = await fetch(`${url}/rest/v1/books`, { headers: { accept: JSON_PLAN } });
  t.equal(answer.status, 406);
  t.match(await answer.json(), { code: 'GATEWAY_PLAN_DISABLED', hint: /DB_PLAN_ENABLED/ });
});
