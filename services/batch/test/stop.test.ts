/** Tests cancellation, deadlines and restarts while items run that ignore signals. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { type BatchStack, openBatchStack } from './batch-stack.ts';

// Each test has a stack of its own, and mostly waits for processes.
t.jobs = 2;

const env = {
  BATCH_KINDS: fileURLToPath(new URL('./trouble.js', import.meta.url)),
  BATCH_THREADS: '1',
  BATCH_CHUNK_ITEMS: '1',
};

const running = async (stack: BatchStack, id: string) =>
  (await stack.query(`select from tidemark.job_chunks where job_id = $1 and state = 'running'`, [id])).length;
const metric = async (url: string, name: string) =>
  Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(await metricsPage(url))?.[1]);

t.test('a cancelled job starts nothing more on any instance, and its native calls end within seconds', async (t) => {
  const stack = await openBatchStack(t);
  const instances = await Promise.all([stack.startBatch(env), stack.startBatch(env)]);
  const id = await stack.insertJob({ items: 40, native: 'all', cost: 1_000 }, { kind: 'trouble' });
  await until(async () => (await running(stack, id)) >= 2, 'both to run it');
  await until(
    async () =>
      (await Promise.all(instances.map(({ url }) => metric(url, 'tidemark_batch_admitted_bytes')))).every((n) => n > 0),
    'both to have its memory',
  );
  const cancelledAt = performance.now();
  await stack.query(`update tidemark.jobs set state = 'cancelled' where id = $1`, [id]);
  await until(async () => {
    const left = await Promise.all(
      instances.flatMap(({ url }) =>
        ['tidemark_batch_admitted_bytes', 'tidemark_batch_workers_busy', 'tidemark_batch_chunks_in_flight'].map(
          (name) => metric(url, name),
        ),
      ),
    );
    return left.every((value) => value === 0);
  }, 'CPU and memory to be back');
  t.comment(`${Math.round(performance.now() - cancelledAt)} ms`);
  t.match(await stack.job(id), { state: 'cancelled', done: 0, failed: 0 });
  t.same(await stack.query('select from tidemark.job_items where job_id = $1', [id]), [], 'results are discarded');
  const next = await stack.insertJob({ items: 2 }, { kind: 'trouble' });
  t.match(await stack.ended(next), { state: 'succeeded', done: 2 }, 'others go on');
});

t.test('a job past its deadline ends then, and so do its items', async (t) => {
  const stack = await openBatchStack(t);
  const { url } = await stack.startBatch(env);
  const id = await stack.insertJob({ items: 2, blocks: 0 }, { kind: 'trouble' });
  await until(async () => (await running(stack, id)) > 0, 'it to run');
  await stack.query(`update tidemark.jobs set deadline = clock_timestamp() where id = $1`, [id]);
  const ended = await stack.ended(id);
  t.match(ended, { state: 'failed', error: { code: 'BATCH_DEADLINE' } });
  t.ok(Date.parse(ended.finished_at) - Date.parse(ended.deadline) < 2_000, 'by the clock of Postgres');
  await until(async () => (await metric(url, 'tidemark_batch_workers_busy')) === 0, 'its worker');
});

t.test('a killed instance leaves no worker behind, also while an item blocks it', async (t) => {
  const stack = await openBatchStack(t);
  const batch = await stack.startBatch(env);
  const id = await stack.insertJob({ items: 1, blocks: 0, cost: 1_000 }, { kind: 'trouble' });
  await until(async () => (await metric(batch.url, 'tidemark_batch_admitted_bytes')) > 0, 'it to run');
  const { pid } = batch.child;
  const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  t.equal(workers.length, 1);
  await batch.stop('SIGKILL');
  await until(async () => !existsSync(`/proc/${workers[0]}`), 'its worker to end');
  t.match(await stack.job(id), { state: 'running' });
});

t.test('restarts during a long item use no attempt', async (t) => {
  const stack = await openBatchStack(t);
  const patient = { ...env, BATCH_SHUTDOWN_MS: '0', BATCH_MAX_ATTEMPTS: '1' };
  const id = await stack.insertJob({ items: 1, ms: 3_000 }, { kind: 'trouble' });
  for (let n = 0; n < 2; n += 1) {
    const batch = await stack.startBatch(patient);
    await until(async () => (await running(stack, id)) > 0, 'it to run');
    t.equal(await batch.stop(), 0);
  }
  const [chunk] = await stack.query('select state, attempt, losses from tidemark.job_chunks where job_id = $1', [id]);
  t.match(chunk, { attempt: 1, losses: 0 });
  await stack.startBatch(patient);
  t.match(await stack.ended(id), { state: 'succeeded', done: 1 });
  t.match(await stack.query('select attempts from tidemark.job_items'), [{ attempts: 1 }]);
});
