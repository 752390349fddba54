/** Tests concurrent jobs: permissions, fairness, priority, cancellation, and immediate starts. */

import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from './batch-stack.ts';

t.test('a job reads what its owner may see, and nothing else', async (t) => {
  const stack = await openBatchStack(t);
  const adas = await stack.addImages('shared/ada-', 3, { owner: 'ada', seed: 1 });
  const bobs = await stack.addImages('shared/bob-', 3, { owner: 'bob', seed: 2 });
  const everyones = await stack.addImages('shared/all-', 2, { visibility: 'public', seed: 3 });
  await stack.addImages('shared/service-', 2, { owner: null, seed: 4 });
  await stack.startBatch();
  const transform = { resize: { width: 20 } };
  const as = async (sub: string, input: object) =>
    stack.ended(await stack.insertJob({ input, transform }, { role: 'authenticated', sub }));
  const sources = async (id: string) =>
    (
      await stack.query(`select metadata ->> 'source' as source, owner from tidemark.files where job_id = $1`, [id])
    ).map((f) => f.source);

  const byPrefix = await as('ada', { prefix: 'shared/' });
  t.match(byPrefix, { state: 'succeeded', done: 5, owner: 'ada' });
  t.same((await sources(byPrefix.id)).sort(), [...adas, ...everyones].sort());
  const stolen = await as('ada', { files: [adas[0], bobs[0]] });
  t.match(stolen, { state: 'failed', total: 0, error: { code: 'BATCH_INPUT_NOT_FOUND', details: bobs[0] } });
  t.match(await as('eve', { prefix: 'shared/bob-' }), { state: 'succeeded', total: 0 });
  t.match(await as('bob', { files: bobs }), { state: 'succeeded', done: 3 });
  const [seen] = await stack.database.pools.write.transaction(
    (tx) => tx.query(`select count(*)::int as n from tidemark.files where path like 'jobs/%'`),
    { identity: { role: 'authenticated', claims: '{"sub":"bob"}' } },
  );
  t.equal(seen?.n, 3, 'outputs belong to the job’s owner');
});

t.test(
  'a small job started after a big one ends before it; an urgent one goes first; a cancelled one stops',
  async (t) => {
    const stack = await openBatchStack(t);
    await stack.addImages('big/', 200, { seed: 4 });
    await stack.addImages('small/', 6, { seed: 5 });
    await stack.startBatch({ BATCH_CHUNK_ITEMS: '4', BATCH_WINDOW: '6' });
    const transform = { resize: { width: 300 }, blur: 8 };
    const big = await stack.insertJob({ input: { prefix: 'big/' }, transform });
    await until(async () => (await stack.job(big)).done > 0, 'the big one to run');
    const small = await stack.insertJob({ input: { prefix: 'small/' }, transform });
    const urgent = await stack.insertJob({ input: { prefix: 'small/' }, transform }, { priority: 'high' });
    await Promise.all([stack.ended(small), stack.ended(urgent)]);
    const during = await stack.job(big);
    t.equal(during.state, 'running', `the big one is at ${during.done} of 200`);
    const [open] = await stack.query(
      `select count(*)::int as n from tidemark.job_chunks where job_id = $1 and state in ('queued', 'running')`,
      [big],
    );
    t.ok(open?.n <= 6, `${open?.n} of its chunks are in the window of 6`);

    await stack.query(`update tidemark.jobs set state = 'cancelled' where id = $1`, [big]);
    const closed = await until(async () => {
      const [left] = await stack.query(
        `select count(*)::int as n from tidemark.job_chunks where job_id = $1 and state in ('planned', 'queued', 'running')`,
        [big],
      );
      const job = await stack.job(big);
      return left?.n === 0 && job.finished_at && job;
    }, 'its chunks to stop');
    t.match(closed, { state: 'cancelled' });
    const outputs = async () =>
      (await stack.query('select count(*)::int as n from tidemark.files where job_id = $1', [big]))[0]?.n;
    t.equal(await outputs(), closed.done, 'its row counts what it left');
    const next = await stack.insertJob({ input: { prefix: 'small/' }, transform });
    t.match(await stack.ended(next), { state: 'succeeded', done: 6 }, 'others go on');
    t.equal(await outputs(), closed.done, 'and nothing was added to it since');
    t.ok(closed.done < 200, `${closed.done} of 200 were done`);
  },
);

t.test('with sweeps a minute apart, changes in the WAL start and stop jobs at once', async (t) => {
  const stack = await openBatchStack(t);
  await stack.addImages('in/', 12);
  const batch = await stack.startBatch({ BATCH_SWEEP_MS: '60000', BATCH_CHUNK_ITEMS: '1', BATCH_WINDOW: '2' });
  const bus = await connectBus({ url: (await useTestStack()).natsUrl, name: 'test', prefix: stack.natsPrefix });
  t.teardown(() => bus.close());
  // The relay makes the stream, here later than batch has started.
  await bus.ensureChangesStream();
  await until(async () => {
    const { state } = await clientOf(bus).jsm.streams.info(bus.subjects.streams.changes);
    return state.consumer_count > 0;
  }, 'batch to follow the changes');
  // Publishes the message of the relay for such a change, because the relay runs in realtime.
  const announce = async (id: string, type: 'insert' | 'update') => {
    const row = await stack.job(id);
    await bus.store(
      bus.subjects.changes('tidemark', 'jobs'),
      JSON.stringify({
        epoch: 'testepoch',
        lsn: '0000000000000001',
        xid: 1,
        committedAt: 0,
        schema: 'tidemark',
        table: 'jobs',
        key: ['id'],
        last: true,
        changes: [{ type, index: 0, row }],
      }),
    );
  };
  const id = await stack.insertJob({ input: { prefix: 'in/' }, transform: { resize: { width: 10 } } });
  await announce(id, 'insert');
  t.match(await stack.ended(id, 20_000), { state: 'succeeded', done: 12 });
  t.equal(await batch.stop(), 0);
});
