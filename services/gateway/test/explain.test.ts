/** Execution plans in place of answers, and counts that are exact, planned or estimated. */
import t from 'tap';
import { useGateway } from './gateway-fixture.ts';

const script = `
  create table books (id int primary key, title text not null, "cost $9" int not null default 1);
  insert into books select i, 'book ' || i from generate_series(1, 500) i;
  analyze books;
  create table private (id int primary key, owner text not null);
  alter table private enable row level security;
  create policy own on private to authenticated
    using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
  create function add_book(title text) returns int volatile language sql as
    $$ insert into books select max(id) + 1, $1 from books returning id $$;
  grant select, insert, update, delete on all tables in schema public to anon, authenticated;`;
const env = { DB_PLAN_ENABLED: 'true', COUNT_ESTIMATED_THRESHOLD: '100' };
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

t.test('reads, as JSON and as text, with options', async (t) => {
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

t.test('as the caller: the policy is in the plan, and a missing right is refused', async (t) => {
  const { text } = await planOf('/rest/v1/private', JSON_PLAN, { claims: { role: 'authenticated', sub: 'ada' } });
  t.match(text, /request\.jwt\.claims/);
  await sql`create table hidden (id int)`;
  let answer: Response;
  do answer = await gateway.request('/rest/v1/hidden', { headers: { accept: JSON_PLAN } });
  while (answer.status === 404);
  t.equal(answer.status, 401);
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
    await planOf('/rest/v1/rpc/add_book', accept, { method: 'POST', body: '{"title":"never"}' });
  }
  const [row] =
    await sql`select count(*)::int as books, count(*) filter (where title = 'never')::int as never from books`;
  t.same(row, { books: 500, never: 0 });
  await gateway.request('/rest/v1/books', { method: 'POST', body, headers: { accept: 'application/json' } });
  t.equal((await sql`delete from books where id = 9000`).count, 1, 'a write is a write again');
});

t.test('counts: exact, planned, and estimated by the threshold', async (t) => {
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
  await sql`insert into private select i, 'x' from generate_series(1, 300) i`;
  await sql`grant select on private to service_role`;
  t.equal(
    (await total(
      '/rest/v1/books?title=neq.x&id=gt.0&title=like.book*&title=not.like.x*&id=neq.0&"cost $9"=eq.1&limit=5&offset=3',
      'planned',
    )) > 0,
    true,
    'a column that looks like a placeholder',
  );
});

t.test('off by default, and says so', async (t) => {
  env.DB_PLAN_ENABLED = 'false';
  const url = await gateway.another();
  const answer = await fetch(`${url}/rest/v1/books`, { headers: { accept: JSON_PLAN } });
  t.equal(answer.status, 406);
  t.match(await answer.json(), { code: 'GATEWAY_PLAN_DISABLED', hint: /DB_PLAN_ENABLED/ });
});
