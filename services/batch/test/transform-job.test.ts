import sharp from 'sharp';
import t from 'tap';
import { openBatchStack } from './batch-stack.ts';

t.test('a job of 50 images succeeds end to end', async (t) => {
  const stack = await openBatchStack(t);
  await stack.addImages('in/', 50);
  const batch = await stack.startBatch();
  const id = await stack.insertJob({ input: { prefix: 'in/' }, transform: { resize: { width: 100 }, format: 'webp' } });
  const job = await stack.ended(id);
  t.match(job, { state: 'succeeded', total: 50, done: 50, failed: 0, error: null });
  t.equal(await batch.stop(), 0, batch.log().slice(-2000));
});
