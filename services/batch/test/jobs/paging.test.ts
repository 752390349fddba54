/** Sources of many pages: items are planned as they are needed, each once, in bounded rows. */
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const kinds = fileURLToPath(new URL('../*.js', import.meta.url));

t.test('a job of many pages runs every item once, and few chunks are planned ahead', async (t) => {
  const stack = await openBatchStack(t);
  const env = { BATCH_KINDS: kinds, BATCH_CHUNK_ITEMS: '10', BATCH_WINDOW: '3' };
  await Promise.all([stack.startBatch(env), stack.startBatch(env)]);
  const id = await stack.insertJob({ items: 2_000 }, { kind: 'noop' });
  let ahead = 0;
  let unknown = 0;
  const job = await until(
    async () => {
      const [row] = await stack.query(
        `select count(*) filter (where state in ('planned', 'queued', 'running'))::int as open from tidemark.job_chunks`,
      );
      ahead = Math.max(ahead, row?.open);
      const now = await stack.job(id);
      if (!now.planned_all) unknown += 1;
      return now.finished_at && now;
    },
    'the end',
    60_000,
  );
  t.match(job, { state: 'succeeded', total: 2_000, done: 2_000, failed: 0, planned_all: true });
  t.ok(unknown > 0, 'the total was not known at first');
  t.ok(ahead <= 12, `at most ${ahead} chunks were open: the window of 3, and a page of 6 behind less than 3`);
  const [items] = await stack.query('select count(*)::int as n, max(index) as last from tidemark.job_items');
  t.same({ ...items }, { n: 2_000, last: 1_999 });
});

t.test('the first chunks of a job are cut by what items of its kind took here lately', async (t) => {
  const stack = await openBatchStack(t);
  await stack.startBatch();
  const chunks = async () => {
    const id = await stack.insertJob({ items: 200 }, { kind: 'noop' });
    t.match(await stack.ended(id), { state: 'succeeded', done: 200 });
    const [row] = await stack.query('select max(done) as most from tidemark.job_chunks where job_id = $1', [id]);
    return row?.most as number;
  };
  t.ok((await chunks()) <= 16, 'none is measured yet');
  t.ok((await chunks()) > 16, 'they take no time');
});

t.test('the finish of a kind runs once, with the counts and the rights of the job', async (t) => {
  const stack = await openBatchStack(t);
  await stack.query('create table public.ends (job uuid, done int, failed int, role text, sub text)');
  await stack.query('grant insert on public.ends to authenticated');
  await Promise.all([stack.startBatch({ BATCH_KINDS: kinds }), stack.startBatch({ BATCH_KINDS: kinds })]);
  const insert = (spec: object) => stack.insertJob(spec, { kind: 'finishing', role: 'authenticated', sub: 'ada' });
  const ends = (job: string) => stack.query('select done, failed, role, sub from public.ends where job = $1', [job]);
  const id = await insert({ items: 50 });
  t.match(await stack.ended(id), { state: 'partly_failed', done: 49, failed: 1 });
  t.match(await ends(id), [{ done: 49, failed: 1, role: 'authenticated', sub: 'ada' }]);
  t.equal((await ends(id)).length, 1);
  const empty = await insert({ items: 0 });
  t.match(await stack.ended(empty), { state: 'succeeded', total: 0 });
  t.equal((await ends(empty)).length, 1, 'with no items, too');
  const broken = await insert({ items: 2, broken: true });
  t.match(await stack.ended(broken), { state: 'partly_failed', done: 1, error: { code: 'BATCH_FINISH_FAILED' } });
  t.same(await ends(broken), [], 'what it had written is rolled back');
  const cancelled = await insert({ items: 1, ms: 60_000 });
  await until(async () => (await stack.job(cancelled)).state === 'running', 'it to run');
  await stack.query('select tidemark.cancel_job($1)', [cancelled]);
  await stack.ended(await insert({ items: 1 }));
  t.same(await ends(cancelled), [], 'never when the job is cancelled');
});
