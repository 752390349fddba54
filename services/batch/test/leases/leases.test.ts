import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const KINDS = fileURLToPath(new URL('../on-main.js', import.meta.url));

t.test('a kind that blocks the event loop for three times its lease keeps the lease', async (t) => {
  const stack = await openBatchStack(t);
  const env = { BATCH_KINDS: KINDS, BATCH_LEASE_MS: '1000' };
  await stack.startBatch(env);
  const id = await stack.insertJob({ items: 1, blockMs: 3_500 }, { kind: 'on-main' });
  await until(async () => (await stack.query(RUNNING)).length > 0, 'it to run');
  const [before] = await stack.query(RUNNING);
  // Another instance looks for lost chunks meanwhile.
  await stack.startBatch(env);
  t.match(await stack.ended(id), { state: 'succeeded', done: 1 });
  const [after] = await stack.query('select attempt, losses, state from tidemark.job_chunks');
  t.same({ ...after }, { attempt: before?.attempt, losses: 0, state: 'done' });
});

const RUNNING = `select attempt from tidemark.job_chunks where state = 'running'`;

t.test(
  'leases have connections of their own from the first chunk on, and close them when the instance ends',
  async (t) => {
    const stack = await openBatchStack(t);
    const batch = await stack.startBatch({ INSTANCE: 'b1', BATCH_KINDS: KINDS });
    const connections = () =>
      stack.query(`select from pg_stat_activity where application_name like 'tidemark b1/leases%'`);
    t.equal((await connections()).length, 0, 'an idle instance needs none');
    const id = await stack.insertJob({ items: 1, blockMs: 300 }, { kind: 'on-main' });
    await until(async () => (await connections()).length > 0, 'the connections');
    t.match(await stack.ended(id), { state: 'succeeded' });
    t.equal(await batch.stop(), 0);
    t.equal((await connections()).length, 0);
  },
);
