import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { until, useTestStack } from '@tidemark/testing';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { type BatchStack, openBatchStack } from './batch-stack.ts';

// Each test has a stack of its own, and mostly waits for leases and processes.
t.jobs = 3;

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
    `select count(*)::int as n from tidemark.job_chunks where job_id = $1 and state not in ('done', 'split')`,
    [id],
  );
  t.equal(open?.n, 0, 'every chunk is done');
}

const spec = (prefix: string) => ({
  input: { prefix },
  transform: { resize: { width: 200 }, blur: 2, format: 'jpeg' },
});

const someDone = (stack: BatchStack, id: string, least: number) =>
  until(async () => {
    const [row] = await stack.query(
      `select count(*) filter (where state = 'done')::int as done, count(*) filter (where state = 'running')::int as running
       from tidemark.job_chunks where job_id = $1`,
      [id],
    );
    return row && row.done >= least && row.running > 0;
  }, `${least} chunks`);

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
  const [split] = await stack.query(`select count(*)::int as n from tidemark.job_chunks where state = 'split'`);
  t.ok(split?.n >= left.length, `${split?.n} chunks were split`);
  const [attempts] = await stack.query('select max(attempts) as most from tidemark.job_items');
  t.equal(attempts?.most, 1, 'no item lost an attempt');
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

t.test('an item that is lost again and again is given up, and the job ends', async (t) => {
  const stack = await openBatchStack(t);
  const id = await stack.insertJob(spec('in/'));
  await stack.query(`update tidemark.jobs set state = 'running', total = 1, planned_all = true where id = $1`, [id]);
  await stack.query(
    `insert into tidemark.job_chunks (job_id, chunk, state, attempt, losses, items, worker, lease_until)
     values ($1, 0, 'running', 3, 2, '[{"index": 0, "input": {"file": "x", "name": "x"}, "attempts": 0}]', 'dead', now())`,
    [id],
  );
  await stack.startBatch();
  t.match(await stack.ended(id), {
    state: 'failed',
    done: 0,
    failed: 1,
    error: { code: 'BATCH_ITEMS_FAILED', items: [{ code: 'BATCH_ITEM_LOST', name: 'x', message: /3 times/ }] },
  });
});

const TROUBLE = { BATCH_KINDS: fileURLToPath(new URL('./trouble.js', import.meta.url)), ...SHORT_LEASE };

t.test('of many items, the one that ends its process fails alone, with the signal', async (t) => {
  const stack = await openBatchStack(t);
  // The supervisor of batch restarts it; here two instances suffice to split the chunk of 4 into single items.
  const id = await stack.insertJob({ items: 24, segfault: 9 }, { kind: 'trouble' });
  const env = { ...TROUBLE, BATCH_CHUNK_ITEMS: '4' };
  let batch = await stack.startBatch(env);
  const job = await until(
    async () => {
      if (batch.child.signalCode !== null) batch = await stack.startBatch(env);
      const row = await stack.job(id);
      return row.finished_at && row;
    },
    'the end',
    90_000,
  );
  t.match(job, { total: 24, done: 23, failed: 1 });
  t.match(job.error.items, [{ index: 9, code: 'BATCH_ITEM_LOST', message: /SIGSEGV, with \d{2,} MB/ }]);
  const [rows] = await stack.query('select count(*)::int as n, max(attempts) as most from tidemark.job_items');
  t.same({ ...rows }, { n: 24, most: 1 }, 'nobody else lost an attempt');
});

t.test('a suspect that takes too much memory is killed, and its job says so', async (t) => {
  const stack = await openBatchStack(t);
  const id = await stack.insertJob({ items: 1, allocate: 0 }, { kind: 'trouble' });
  await stack.query(`update tidemark.jobs set state = 'running', total = 1, planned_all = true where id = $1`, [id]);
  await stack.query(
    `insert into tidemark.job_chunks (job_id, chunk, losses, items)
     values ($1, 0, 1, '[{"index": 0, "input": 0, "attempts": 0}]')`,
    [id],
  );
  const batch = await stack.startBatch({ ...TROUBLE, BATCH_CHILD_BYTES: String(300 * 1024 ** 2) });
  t.match((await stack.ended(id)).error.items, [{ code: 'BATCH_ITEM_LOST', message: /SIGKILL, with \d{3,} MB/ }]);
  t.equal(batch.child.exitCode, null, 'the service lives');
});

t.test('an item that is left alone after many splits survives another death of its process', async (t) => {
  const stack = await openBatchStack(t);
  const id = await stack.insertJob({ items: 2, ms: 1_500 }, { kind: 'trouble' });
  await stack.query(`update tidemark.jobs set state = 'running', total = 2, planned_all = true where id = $1`, [id]);
  await stack.query(
    `insert into tidemark.job_chunks (job_id, chunk, state, attempt, losses, items, worker, lease_until)
     values ($1, 0, 'running', 1, 4, $2::text::jsonb, 'dead', now())`,
    [id, JSON.stringify([0, 1].map((index) => ({ index, input: index, attempts: 0 })))],
  );
  const first = await stack.startBatch(TROUBLE);
  await until(async () => {
    const rows = await stack.query(`select 1 from tidemark.job_chunks where chunk > 0 and state = 'running'`);
    return rows.length > 0;
  }, 'an item to run alone');
  await first.stop('SIGKILL');
  await stack.startBatch(TROUBLE);
  t.match(await stack.ended(id), { state: 'succeeded', done: 2, failed: 0 });
});
