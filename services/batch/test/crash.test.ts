import { createHash } from 'node:crypto';
import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { useTestStack } from '@tidemark/local-stack';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { type BatchStack, openBatchStack, until } from './batch-stack.ts';

/** Leases as short as the configuration allows, so that a dead runner's chunks are taken back soon. */
const SHORT_LEASE = { BATCH_LEASE_MS: '2000', BATCH_CHUNK_ITEMS: '5' };

async function everyOutputOnce(t: Test, stack: BatchStack, id: string, sources: string[]): Promise<void> {
  const outputs = await stack.outputsOf(id);
  t.equal(outputs.length, sources.length, 'as many outputs as inputs');
  t.same(outputs.map((o) => o.metadata.source).sort(), [...sources].sort(), 'one for each input');
  for (const output of outputs) {
    const bytes = await stack.store.read(output.storage_key, 1e8);
    if (createHash('sha256').update(bytes).digest('hex') !== output.sha256) t.fail(`${output.path} is damaged`);
    if ((await sharp(bytes).metadata()).width !== 200) t.fail(`${output.path} has the wrong size`);
  }
  const [open] = await stack.query(
    `select count(*)::int as n from tidemark.job_chunks where job_id = $1 and state <> 'done'`,
    [id],
  );
  t.equal(open?.n, 0, 'every chunk is done');
}

const spec = (prefix: string) => ({
  input: { prefix },
  transform: { resize: { width: 200 }, blur: 2, format: 'jpeg' },
});

const someDone = (stack: BatchStack, id: string, least: number) =>
  until(`${least} chunks`, 30_000, async () => {
    const [row] = await stack.query(
      `select count(*) filter (where state = 'done')::int as done, count(*) filter (where state = 'running')::int as running
       from tidemark.job_chunks where job_id = $1`,
      [id],
    );
    return row && row.done >= least && row.running > 0;
  });

t.test('kill -9 twice in a job: the next instance ends it, and every output is there once', async (t) => {
  const stack = await openBatchStack(t);
  const sources = await stack.addImages('in/', 60, { owner: 'ada' });
  const first = await stack.startBatch(SHORT_LEASE);
  const id = await stack.insertJob(spec('in/'), { role: 'authenticated', sub: 'ada' });
  await someDone(stack, id, 3);
  await first.stop('SIGKILL');
  const left = await stack.query(
    `select chunk, attempt from tidemark.job_chunks where job_id = $1 and state = 'running'`,
    [id],
  );
  t.ok(left.length > 0, `${left.length} chunks were running when it was killed`);

  const second = await stack.startBatch(SHORT_LEASE);
  await someDone(stack, id, 5);
  await second.stop('SIGKILL');
  await Promise.all([stack.startBatch(SHORT_LEASE), stack.startBatch(SHORT_LEASE)]);
  t.match(await stack.ended(id, 60_000), { state: 'succeeded', total: 60, done: 60, failed: 0 });
  await everyOutputOnce(t, stack, id, sources);
  const [again] = await stack.query('select count(*)::int as n from tidemark.job_chunks where attempt > 1');
  t.ok(again?.n >= left.length, `${again?.n} chunks were run again`);
});

t.test('SIGTERM hands chunks back without using up an attempt', async (t) => {
  const stack = await openBatchStack(t);
  const sources = await stack.addImages('in/', 60);
  // Two chunks at a time, of 40 and 20: when the smaller is done, the other has half of its way to go, on any machine.
  const first = await stack.startBatch({ BATCH_SHUTDOWN_MS: '0', BATCH_CHUNK_ITEMS: '40', BATCH_MAX_ATTEMPTS: '1' });
  const id = await stack.insertJob(spec('in/'));
  await someDone(stack, id, 1);
  if ((await first.stop('SIGTERM')) !== 0) t.fail(first.log().slice(-3_000));
  t.match(first.log(), /chunk\.handed_back/);
  const states = await stack.query('select state, attempt from tidemark.job_chunks where job_id = $1', [id]);
  t.notOk(
    states.some((chunk) => chunk.state === 'running'),
    'none is left as running',
  );
  t.ok(states.every((chunk) => chunk.attempt <= 1));
  await stack.startBatch({ BATCH_MAX_ATTEMPTS: '1' });
  t.match(await stack.ended(id), { state: 'succeeded', done: 60 });
  await everyOutputOnce(t, stack, id, sources);
});

t.test('messages that are lost with the whole stream are found missing and published again', async (t) => {
  const stack = await openBatchStack(t);
  const sources = await stack.addImages('in/', 25);
  const batch = await stack.startBatch({ BATCH_CHUNK_ITEMS: '5' });
  const bus = await connectBus({ url: (await useTestStack()).natsUrl, name: 'test', prefix: stack.natsPrefix });
  t.teardown(() => bus.close());
  const id = await stack.insertJob(spec('in/'));
  await someDone(stack, id, 1);
  await clientOf(bus).jsm.streams.delete(bus.subjects.streams.work);
  t.match(await stack.ended(id, 60_000), { state: 'succeeded', done: 25 });
  await everyOutputOnce(t, stack, id, sources);
  t.match(batch.log(), /chunk\.republished/);
});

t.test('a chunk whose runner dies each time is given up, and the job ends', async (t) => {
  const stack = await openBatchStack(t);
  await stack.addImages('in/', 8);
  const id = await stack.insertJob(spec('in/'));
  await stack.query(`update tidemark.jobs set state = 'running', total = 8 where id = $1`, [id]);
  await stack.query(
    `insert into tidemark.job_chunks (job_id, chunk, state, attempt, items, worker, lease_until)
     values ($1, 0, 'running', 3, '[{}, {}, {}, {}, {}, {}, {}, {}]', 'dead', now())`,
    [id],
  );
  await stack.startBatch();
  t.match(await stack.ended(id), {
    ...{ state: 'failed', done: 0, failed: 8 },
    error: { code: 'BATCH_ITEMS_FAILED', items: [{ code: 'BATCH_CHUNK_GAVE_UP', message: /3 attempts/ }] },
  });
});
