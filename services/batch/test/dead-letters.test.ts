import { fileURLToPath } from 'node:url';
import { connectBus } from '@tidemark/bus';
import { Alert } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from './batch-stack.ts';

t.test('items that used all their attempts are listed, alerted, and run again by retry', async (t) => {
  const stack = await openBatchStack(t);
  const bus = await connectBus({ url: (await useTestStack()).natsUrl, name: 'test', prefix: stack.natsPrefix });
  t.teardown(() => bus.close());
  const alerts: Alert[] = [];
  bus.subscribe<Alert>(bus.subjects.alerts('warning'), (alert) => alerts.push(alert), { schema: Alert });
  await stack.startBatch({
    BATCH_KINDS: fileURLToPath(new URL('./trouble.js', import.meta.url)),
    BATCH_MAX_ATTEMPTS: '2',
  });
  const id = await stack.insertJob({ items: 8, retries: 3, segfault: 5, values: { 6: 'nul' } }, { kind: 'trouble' });
  t.match(await stack.ended(id), { state: 'partly_failed', done: 5, failed: 3 });
  const letters = () => stack.query('select index, code, attempts, kind from tidemark.dead_letters order by index');
  t.match(await letters(), [
    { index: 3, code: 'TROUBLE', attempts: 2, kind: 'trouble' },
    { index: 5, code: 'BATCH_ITEM_LOST' },
  ]);
  const told = await until(async () => alerts.find(({ resolved }) => !resolved), 'the alert');
  t.match(told, { key: 'batch dead letters trouble', message: /2 items of the kind trouble/, hint: new RegExp(id) });
  t.match(
    await stack.database.pools.write.transaction((tx) => tx.query('select from tidemark.dead_letters'), {
      identity: { role: 'authenticated', claims: '{"sub":"eve"}' },
    }),
    [],
    'who sees no job sees no letter',
  );
  await stack.query(`update tidemark.job_requests set spec = '{"items": 8}' where job_id = $1`, [id]);
  await stack.query('select tidemark.retry_job($1)', [id]);
  t.match(await stack.ended(id), { state: 'succeeded', done: 8 });
  t.same(await letters(), []);
  await until(async () => alerts.some(({ resolved }) => resolved), 'its end');
});
