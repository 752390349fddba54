/** Items that are the rows of a query, read as the submitter. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const stack = await openBatchStack(t);
for (const sql of [
  `create table public.pictures (id bigint primary key, project_id int, owner text, state text default 'new', price numeric, file_id uuid)`,
  `insert into public.pictures (id, project_id, owner, price)
     select n, n % 3, case when n % 5 = 0 then 'bob' else 'ada' end, n / 7.0 from generate_series(1, 300) as n`,
  'alter table public.pictures enable row level security',
  `create policy own on public.pictures to authenticated
     using (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub')`,
  'grant select on public.pictures to authenticated, service_role',
  'create policy all_of_them on public.pictures to service_role using (true)',
  'create view public.shown with (security_invoker) as select id, owner from public.pictures where project_id = 1',
  'create view public.joined with (security_invoker) as select p.id from public.pictures p, generate_series(1, 2)',
  'grant select on public.shown, public.joined to authenticated',
  'create table public.base (id int primary key)',
  'create table public.child () inherits (public.base)',
  'create table public.keyless (id int)',
  'grant select on public.base, public.keyless to authenticated',
  'create table public.secret (id int primary key)',
]) {
  await stack.query(sql);
}
await stack.startBatch({
  BATCH_KINDS: fileURLToPath(new URL('../rows.js', import.meta.url)),
  BATCH_CHUNK_ITEMS: '8',
  BATCH_WINDOW: '2',
});

const insert = (spec: object, options: object = {}) =>
  stack.insertJob(spec, { kind: 'rows', role: 'authenticated', sub: 'ada', ...options });
const inputs = async (id: string) =>
  (await stack.query('select input from tidemark.job_items where job_id = $1 order by index', [id])).map(
    (r) => r.input,
  );

t.test('the items are the rows that Postgres shows the submitter, in the order of the key', async (t) => {
  const ended = await stack.ended(await insert({ query: 'pictures?select=id,owner&project_id=eq.1' }));
  const wanted = await stack.query(
    `select id::int, owner from public.pictures where project_id = 1 and owner = 'ada' order by id`,
  );
  t.match(ended, { state: 'succeeded', total: wanted.length });
  t.same(
    await inputs(ended.id),
    wanted.map((row) => ({ ...row })),
  );
  t.match(await stack.ended(await insert({ query: 'shown?select=id' })), { state: 'succeeded', total: wanted.length });
  t.match(await stack.ended(await insert({ query: 'pictures?id=eq.0' })), { state: 'succeeded', total: 0 });
});

t.test(
  'a row that is there throughout is processed once, also when items change the column of the filter',
  async (t) => {
    const spec = {
      query: 'pictures?select=id&state=eq.new',
      page: 7,
      change: `update public.pictures set state = 'done' where id = $1`,
    };
    const ended = await stack.ended(await insert(spec, { role: 'service_role' }), 60_000);
    t.match(ended, { state: 'succeeded', total: 300, done: 300 });
    t.same(
      (await inputs(ended.id)).map((row) => row.id),
      Array.from({ length: 300 }, (_, n) => n + 1),
    );
  },
);

t.test('numbers keep their digits', async (t) => {
  await stack.query(
    `insert into public.pictures (id, owner, price) values (9007199254740993, 'ada', 12345678901234567.89)`,
  );
  const ended = await stack.ended(await insert({ query: 'pictures?select=id,price&id=gt.1000' }));
  t.same(await inputs(ended.id), [{ id: '9007199254740993', price: '12345678901234567.89' }]);
});

t.test('so do those of the submitter’s claims', async (t) => {
  await stack.query(`create table public.ledgers (id int primary key, org bigint)`);
  await stack.query(`insert into public.ledgers values (1, 9007199254740992), (2, 9007199254740993)`);
  await stack.query('alter table public.ledgers enable row level security');
  await stack.query(`create policy own on public.ledgers to authenticated
    using (org = (current_setting('request.jwt.claims', true)::jsonb ->> 'org')::bigint)`);
  await stack.query('grant select on public.ledgers to authenticated');
  const claims = '{"role":"authenticated","sub":"ada","org":9007199254740993}';
  const [job] = await stack.database.pools.write.transaction(
    (tx) => tx.query(`select id from tidemark.submit_job('rows', '{"query": "ledgers?select=id"}')`),
    { identity: { role: 'authenticated', claims } },
  );
  await stack.ended(job?.id);
  t.same(await inputs(job?.id), [{ id: 2 }]);
});

t.test('what cannot be paged by a unique key is refused, and so is what the API would refuse', async (t) => {
  const refused: [string, string, RegExp][] = [
    ['joined', 'BATCH_QUERY_WITHOUT_KEY', /joined/],
    ['base', 'BATCH_QUERY_WITHOUT_KEY', /base/],
    ['keyless', 'BATCH_QUERY_WITHOUT_KEY', /keyless/],
    ['pictures?order=owner', 'BATCH_QUERY_PAGED', /order/],
    ['pictures?limit=5', 'BATCH_QUERY_PAGED', /limit/],
    ['pictures?select=count()', 'BATCH_QUERY_REFUSED', /aggregates/],
    ['pictures?nonsense=eq.1', 'BATCH_QUERY_REFUSED', /nonsense/],
    ['pictures?id=eq.x', 'BATCH_QUERY_REFUSED', /22P02/],
    ['nowhere', 'BATCH_QUERY_REFUSED', /nowhere/],
    ['secret', 'BATCH_QUERY_REFUSED', /42501.*permission denied/],
  ];
  const jobs = await Promise.all(refused.map(([query]) => insert({ query })));
  for (const [n, [query, code, message]] of refused.entries()) {
    t.match(await stack.ended(jobs[n]!), { state: 'failed', total: 0, error: { code, message, hint: String } }, query);
  }
});

t.test('a column of the rows may name the files', async (t) => {
  const [mine] = await stack.addImages('mine/', 1, { owner: 'ada' });
  const [hidden] = await stack.addImages('hidden/', 1, { owner: 'bob' });
  await stack.query('update public.pictures set file_id = $1 where id = 1', [mine]);
  await stack.query('update public.pictures set file_id = $1 where id = 2', [hidden]);
  const transform = { resize: { width: 20 } };
  const input = { query: 'pictures?id=in.(1,2,3)&select=file_id', file: 'file_id' };
  const ended = await stack.ended(await insert({ input, transform }, { kind: 'image.transform' }));
  t.match(ended, { state: 'partly_failed', total: 3, done: 1, failed: 2 });
  const codes = await stack.query(
    `select distinct code from tidemark.job_items where job_id = $1 and code is not null`,
    [ended.id],
  );
  t.same(codes, [{ code: 'BATCH_INPUT_HIDDEN' }]);
  const wrong = await stack.ended(
    await insert({ input: { ...input, file: 'nope' }, transform }, { kind: 'image.transform' }),
  );
  t.match(wrong, { state: 'failed', error: { code: 'BATCH_QUERY_WITHOUT_COLUMN', message: /nope/ } });
});
