/** Rows of tidemark.job_items: results, failures, retries, and what cannot be stored. */
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const stack = await openBatchStack(t);
const batch = await stack.startBatch({ BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)) });
const itemsOf = (job: string) =>
  stack.query('select *, to_json(files) as files from tidemark.job_items where job_id = $1 order by index', [job]);

t.test('each item has a row with its input, value, files and duration', async (t) => {
  const files = await stack.addImages('in/', 3);
  const id = await stack.insertJob({ input: { files }, transform: { resize: { width: 20 } } });
  t.match(await stack.ended(id), { done: 3 });
  const rows = await itemsOf(id);
  const outputs = new Map((await stack.outputsOf(id)).map((file) => [file.id, file.metadata.source]));
  for (const [n, row] of rows.entries()) {
    t.match(row, {
      index: n,
      state: 'succeeded',
      attempts: 1,
      input: { file: files[n] },
      value: { width: 20 },
      error: null,
      duration_ms: Number,
    });
    t.equal(outputs.get(row.files[0]), files[n]);
  }
});

t.test('an item whose result cannot be stored fails alone', async (t) => {
  const values = { 1: 'nul', 2: 'surrogate', 3: 'nan', 4: 'large', 5: 'deep' };
  const id = await stack.insertJob({ items: 8, values }, { kind: 'trouble' });
  t.match(await stack.ended(id), { total: 8, done: 3, failed: 5 });
  const rows = await itemsOf(id);
  t.same(
    rows.filter(({ code }) => code === 'BATCH_INVALID_RESULT').map(({ index }) => index),
    [1, 2, 3, 4, 5],
  );
  t.same(
    rows.filter(({ state }) => state === 'succeeded').map(({ value }) => value),
    [0, 6, 7],
  );
});

t.test('an item whose failure may pass is tried again alone, with its attempts', async (t) => {
  const id = await stack.insertJob({ items: 6, retries: 2 }, { kind: 'trouble' });
  const waiting = await until(async () => {
    const rows = await itemsOf(id);
    return rows.find(({ state }) => state === 'waiting');
  }, 'the first failure');
  t.match(waiting, { index: 2, code: 'TROUBLE' });
  const [retry] = await stack.query(
    'select items, not_before > clock_timestamp() as later from tidemark.job_chunks where job_id = $1 and not_before is not null',
    [id],
  );
  t.match(retry, { items: [{ index: 2, attempts: 1 }] });
  t.match(await stack.ended(id), { done: 5, failed: 1, error: { items: [{ index: 2, code: 'TROUBLE' }] } });
  const rows = await itemsOf(id);
  t.same(
    rows.map(({ attempts }) => attempts),
    [1, 1, 3, 1, 1, 1],
  );
});

t.test('an error that the kind does not foresee leaves its text in the log, not on the row', async (t) => {
  const id = await stack.insertJob({ items: 2, throws: 1 }, { kind: 'trouble' });
  const job = await stack.ended(id);
  t.match(job, { done: 1, failed: 1, error: { items: [{ index: 1, code: 'BATCH_UNEXPECTED' }] } });
  t.notMatch(JSON.stringify([job.error, await itemsOf(id)]), /secret/);
  t.ok(await until(async () => batch.log().includes('/srv/secret/host-7'), 'the reason in the log'));
});

t.test('who sees a job sees its items and failures, and nobody else does', async (t) => {
  const id = await stack.insertJob(
    { items: 3, retries: 1, values: { 2: 'nul' } },
    { kind: 'trouble', role: 'authenticated', sub: 'ada' },
  );
  await stack.ended(id);
  const as = (role: string, sub: string, text: string) =>
    stack.database.pools.write.transaction((tx) => tx.query(text, [id]), {
      identity: { role, claims: JSON.stringify({ role, sub }) },
    });
  const count = 'select count(*)::int as n from tidemark.job_items where job_id = $1';
  t.match(await as('authenticated', 'ada', count), [{ n: 3 }]);
  t.match(await as('service_role', 'x', count), [{ n: 3 }]);
  t.match(await as('authenticated', 'bob', count), [{ n: 0 }]);
  await t.rejects(as('anon', 'x', count), { code: '42501' });
  await t.rejects(as('ops', 'x', count), { code: '42501' });
  t.match(await as('authenticated', 'ada', 'select * from tidemark.job_failures($1)'), [
    { code: 'BATCH_INVALID_RESULT', count: 1, first: 2, last: 2, sample: { index: 2, message: /U\+0000/ } },
    { code: 'TROUBLE', count: 1, first: 1, last: 1 },
  ]);
  t.same(await as('authenticated', 'bob', 'select * from tidemark.job_failures($1)'), []);
});

t.test('items are not published, so that they cost the relay nothing', async (t) => {
  const published = await stack.query(`select tablename from pg_publication_tables where pubname = 'tidemark'`);
  t.notOk(published.some(({ tablename }) => tablename === 'job_items'));
});
