import { runScript } from '@tidemark/db';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';
import { runAsAda } from './ada.ts';

const stack = await openBatchStack(t);
const SHORT_LEASE = { BATCH_LEASE_MS: '2000', BATCH_CHUNK_ITEMS: '2' };
let batch = await stack.startBatch(SHORT_LEASE);

const REFUSE_1_IN_1000 = `create policy writes on public.drafts for insert to authenticated with check (n % 1000 <> 7)`;

await runScript(
  stack.databaseUrl,
  `
  create table public.people (id uuid primary key, owner text not null);
  insert into public.people select gen_random_uuid(), case when n < 4 then 'ada' else 'bob' end from generate_series(1, 6) n;
  alter table public.people enable row level security;
  create policy own on public.people for select to authenticated using (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
  create type public.mood as enum ('calm', 'cross');
  create table public.everything (
    id uuid primary key, n int8, small smallint, price numeric(8, 2), rate float8, day date, at timestamptz, local timestamp,
    mood public.mood, note text, person uuid references public.people, state text, code varchar(20), doc jsonb, tags text[],
    numbers int4[], ok boolean);
  create table public.drafts (n int8 primary key, note text);
  alter table public.drafts enable row level security;
  ${REFUSE_1_IN_1000};
  create table public.lines (n int8, at timestamptz, note text, doc jsonb);
  grant select on public.people to authenticated;
  grant insert on public.everything, public.drafts, public.lines to authenticated;
  create table public.locked (n int8);
`,
);

const EVERYTHING = {
  id: { uuid: {} },
  n: { sequence: { start: 10, step: -2 } },
  small: { integer: { min: -3, max: 3 } },
  price: { decimal: { min: -1.5, max: 9.99, scale: 2 } },
  rate: { decimal: { min: 0, max: 1, scale: 4 } },
  day: { date: { from: '2024-02-28', to: '2024-03-01' } },
  at: { time: { from: '2026-01-01', to: '2026-01-01T00:00:59Z' } },
  local: { time: { from: '2026-01-01T12:00:00+02:00', to: '2026-01-01T12:00:00+02:00' } },
  mood: { choice: ['calm', 'cross'], weights: [9, 1] },
  note: { text: { min: 2, max: 4, words: ['it’s', '"so"', 'naïve', '日本'] }, nulls: 0.25 },
  person: { reference: { query: 'people?select=id' } },
  state: { value: 'new' },
  code: { join: ['R-', { sequence: {} }, '/', { choice: ['a', 'b'] }] },
  doc: {
    object: {
      model: { choice: ['small', 7, null, { deep: true }] },
      scores: { array: { of: { decimal: { min: 0, max: 1, scale: 2 } }, min: 0, max: 3 } },
      grid: { array: { of: { array: { of: { integer: { min: 0, max: 99 } }, min: 2, max: 2 } }, min: 2, max: 2 } },
      at: { time: { from: '2026-01-01', to: '2026-12-31' } },
      inner: { object: { on: { value: true } } },
    },
  },
  tags: { array: { of: { text: { min: 1, max: 1 } }, min: 1, max: 3 } },
  numbers: { array: { of: { integer: { min: 1, max: 6 } }, min: 2, max: 2 } },
  ok: { choice: [true, false] },
};

t.test('every form of value is in its bounds and of the type of its column', async (t) => {
  const { job } = await runAsAda(stack, 'corpus.generate', {
    table: 'everything',
    count: 4_000,
    seed: 1,
    template: EVERYTHING,
  });
  t.match(job, { state: 'succeeded', done: 1, error: null });
  const [row] = await stack.query(`
    select count(*)::int as rows, count(distinct id)::int as ids, max(n) as first, min(n) as last,
      count(distinct small)::int as smalls, min(small) as low, max(small) as high, min(price) as cheap, max(price) as dear,
      count(distinct day)::int as days, bool_and(at between '2026-01-01Z' and '2026-01-01 00:00:59Z') as times,
      bool_and(local = '2026-01-01 10:00:00') as local, avg((mood = 'cross')::int)::float8 as cross,
      avg((note is null)::int)::float8 as nulls, count(distinct person)::int as people, min(state) as state,
      bool_and(code ~ '^R-\\d+/[ab]$') as codes, count(distinct doc -> 'model')::int as models,
      max(jsonb_array_length(doc -> 'scores')) as scores, avg((doc -> 'grid' -> 0 = doc -> 'grid' -> 1)::int)::float8 as same_rows,
      bool_and(doc ->> 'at' ~ '^2026-\\d\\d-\\d\\dT[0-9:]+Z$') as iso, bool_and(doc -> 'inner' = '{"on": true}') as inner,
      max(cardinality(tags)) as tags, min(cardinality(numbers)) as numbers, count(distinct numbers)::int as pairs,
      bool_and(array_length(string_to_array(note, ' '), 1) between 2 and 4) as words
    from public.everything`);
  t.match(row, {
    rows: 4_000,
    ids: 4_000,
    first: '10',
    last: '-7988',
    smalls: 7,
    low: -3,
    high: 3,
    days: 3,
    times: true,
    local: true,
    people: 3,
    state: 'new',
    codes: true,
    models: 4,
    scores: 3,
    iso: true,
    inner: true,
    tags: 3,
    numbers: 2,
    pairs: 36,
    words: true,
  });
  t.ok(Number(row!.cheap) >= -1.5 && Number(row!.dear) <= 9.99);
  t.ok(row!.cross > 0.07 && row!.cross < 0.13, `a tenth is cross: ${row!.cross}`);
  t.ok(row!.nulls > 0.21 && row!.nulls < 0.29, `a quarter is null: ${row!.nulls}`);
  t.ok(row!.same_rows < 0.01, 'elements of an array differ');
});

const LINES = {
  n: { sequence: {} },
  at: { time: { from: '2026-01-01', to: '2026-02-01' } },
  note: { text: { min: 3, max: 9 } },
  doc: { object: { person: { reference: { query: 'people?select=id' } } } },
};
const fingerprint = async (table: string) => {
  const [row] = await stack.query(
    `select count(*)::int as rows, count(distinct n)::int as numbers, md5(string_agg(r::text, ' ' order by n)) as all from public.${table} r`,
  );
  return row!;
};

t.test('after an instance is killed each record exists once, and all are those of an undisturbed run', async (t) => {
  const spec = { table: 'lines', count: 75_000, seed: 5, template: LINES };
  const id = await stack.insertJob(spec, { kind: 'corpus.generate', role: 'authenticated', sub: 'ada' });
  await until(async () => {
    const [row] = await stack.query(
      `select count(*)::int as n from tidemark.job_notes where job_id = $1 and name like 'slice%'`,
      [id],
    );
    return row!.n >= 2;
  }, 'a written slice');
  await batch.stop('SIGKILL');
  const before = await stack.job(id);
  t.notOk(before.finished_at, `it was killed at ${before.done} of ${before.total} slices`);
  batch = await stack.startBatch({ ...SHORT_LEASE, BATCH_WRITERS: '1' });
  t.match(await stack.ended(id, 60_000), { state: 'succeeded', done: 15, failed: 0 });
  const killed = await fingerprint('lines');
  t.match(killed, { rows: 75_000, numbers: 75_000 });

  await stack.query(`update tidemark.jobs set state = 'running', finished_at = null where id = $1`, [id]);
  await stack.query(
    `insert into tidemark.job_chunks (job_id, chunk, items) values ($1, 1000, '[{"index": 3, "input": [15000, 19999], "attempts": 0}]')`,
    [id],
  );
  await stack.ended(id);
  t.same(await fingerprint('lines'), killed, 'a repeat of an item after its commit writes nothing');

  await stack.query('truncate public.lines');
  t.match((await runAsAda(stack, 'corpus.generate', spec)).job, { state: 'succeeded' });
  t.same(await fingerprint('lines'), killed, 'the same seed makes the same records');
  await stack.query('truncate public.lines');
  t.match((await runAsAda(stack, 'corpus.generate', { ...spec, count: 10, seed: 6 })).job, { state: 'succeeded' });
  const [other] = await stack.query(`select note from public.lines where n = 1`);
  t.ok(other, 'another seed makes others');
});

t.test('a policy that refuses 1 in 1,000 refuses exactly those, by number, and a retry writes them', async (t) => {
  const template = { n: { sequence: { start: 0 } }, note: { text: { min: 1, max: 3 } } };
  const { id, job } = await runAsAda(stack, 'corpus.generate', { table: 'drafts', count: 12_500, seed: 2, template });
  t.match(job, { state: 'failed', done: 0, failed: 3, error: { items: [{ code: 'BATCH_RECORDS_REFUSED' }] } });
  const [kept] = await stack.query(
    `select count(*)::int as rows, count(*) filter (where n % 1000 = 7)::int as wrong from public.drafts`,
  );
  t.same({ ...kept }, { rows: 12_487, wrong: 0 });
  const items = await stack.query(`select value, error from tidemark.job_items where job_id = $1 order by index`, [id]);
  t.match(
    items[0]!.error.message,
    /^5 of 5000 records were refused, and the others are written: 7,1007,2007,3007,4007 /,
  );
  t.match(items[2]!.value, {
    first: 10_000,
    last: 12_499,
    written: 2_497,
    refused: [{ code: '42501', message: /row-level security policy for table "drafts"/, records: '10007,11007,12007' }],
  });
  await stack.query('drop policy writes on public.drafts');
  await stack.query('create policy writes on public.drafts for insert to authenticated with check (true)');
  await stack.query('select tidemark.retry_job($1)', [id]);
  t.match(await stack.ended(id), { state: 'succeeded', done: 3, failed: 0 });
  const [all] = await stack.query('select count(*)::int as rows, count(distinct n)::int as numbers from public.drafts');
  t.same({ ...all }, { rows: 12_500, numbers: 12_500 });
});

t.test('what cannot work is refused when the job is planned, and says where', async (t) => {
  const refused = async (spec: object) => {
    const whole = { table: 'lines', count: 10, seed: 1, template: { n: { sequence: {} } }, ...spec };
    const { job } = await runAsAda(stack, 'corpus.generate', whole);
    t.match(job, { state: 'failed', total: 0 });
    return job.error;
  };
  const template = (value: object) => refused({ template: { doc: value } });
  t.match(await refused({ table: 'locked' }), { code: 'BATCH_QUERY_REFUSED', message: /42501/ });
  t.match(await refused({ table: 'absent' }), { code: 'BATCH_QUERY_REFUSED', message: /absent/ });
  t.match(await refused({ template: { no: { sequence: {} } } }), { code: 'BATCH_TEMPLATE', message: /\/no.*column/ });
  t.match(await template({ sequence: {}, uuid: {} }), {
    code: 'BATCH_TEMPLATE',
    message: /\/doc: .*sequence and uuid/,
  });
  t.match(await template({ object: { a: { integer: { min: 2, max: 1 } } } }), { message: /\/doc\/a: it ends at 1/ });
  t.match(await template({ choice: [1, 2], weights: [1] }), { message: /2 values and 1 weights/ });
  t.match(await template({ reference: { query: 'people' } }), { message: /2 columns: select one/ });
  t.match(await template({ reference: { query: 'people?select=id&owner=eq.bob' } }), {
    message: /no rows that the sub/,
  });
  t.match(await template({ array: { of: { oops: 1 }, min: 0, max: 1 } }), { code: 'BATCH_INVALID_SPEC' });
});

t.test('values that the columns do not take are refusals of the records, by their reason', async (t) => {
  const template = {
    n: { choice: ['1', '2', 'many'], weights: [1, 1, 2] },
    note: { value: 'x' },
  };
  const { id, job } = await runAsAda(stack, 'corpus.generate', { table: 'lines', count: 40, seed: 3, template });
  t.match(job, { state: 'failed', total: 1 });
  const [item] = await stack.query('select value from tidemark.job_items where job_id = $1', [id]);
  const { written, refused } = item!.value;
  t.match(refused, [{ code: '22P02', message: 'invalid input syntax for type bigint: "many"', records: /^[\d,-]+$/ }]);
  const [kept] = await stack.query(`select count(*)::int as rows from public.lines where note = 'x'`);
  t.equal(kept!.rows, written);
  t.ok(written > 5 && written < 35, `${written} of 40 are written`);
});
