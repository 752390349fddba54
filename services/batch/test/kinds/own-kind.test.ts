/** Kinds of a team's own (examples/word-count.js, the one of the README), and instances that have different ones. */
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const WORD_COUNT = { BATCH_KINDS: fileURLToPath(new URL('../../examples/word-count.js', import.meta.url)) };

t.test('runs a kind of a team’s own, and registers its schema', async (t) => {
  const stack = await openBatchStack(t);
  await stack.startBatch(WORD_COUNT);
  const files = [
    await stack.addFile('a.txt', Buffer.from('one two three')),
    await stack.addFile('b.txt', Buffer.from(' ')),
  ];
  const id = await stack.insertJob({ files }, { kind: 'word.count' });
  t.match(await stack.ended(id), { done: 1, failed: 1, error: { items: [{ code: 'WORDS_NONE', name: 'b.txt' }] } });
  const [output] = await stack.outputsOf(id);
  t.equal(String(await stack.store.read(output!.storage_key, 100)), '3\n');

  const kinds = await stack.query(`select name, version, limits, spec_schema
    from tidemark.job_kinds where name in ('noop', 'word.count') order by name`);
  t.match(kinds, [
    { name: 'noop' },
    { name: 'word.count', version: 1, limits: { itemMs: 5_000 }, spec_schema: { required: ['files'] } },
  ]);
  const refused = await stack.insertJob({ files: 'all' }, { kind: 'word.count' });
  t.match(await stack.ended(refused), { state: 'failed', error: { code: 'BATCH_INVALID_SPEC', message: /\/files/ } });
});

t.test('an instance takes no job and no chunk of a kind that it lacks', async (t) => {
  const stack = await openBatchStack(t);
  const able = await stack.startBatch({ ...WORD_COUNT, BATCH_CHUNK_ITEMS: '1' });
  const files = [await stack.addFile('a.txt', Buffer.from('one two'))];
  t.match(await stack.ended(await stack.insertJob({ files }, { kind: 'word.count' })), { done: 1 });
  await able.stop();

  const unable = await stack.startBatch();
  const waiting = await stack.insertJob({ files }, { kind: 'word.count' });
  // A job that an able instance has planned before it ended: the message is on the queue.
  const planned = await stack.insertJob({ files }, { kind: 'word.count' });
  await stack.query(`update tidemark.jobs set state = 'running', total = 1, planned_all = true where id = $1`, [
    planned,
  ]);
  await stack.query(`insert into tidemark.job_chunks (job_id, chunk, items) values ($1, 0, $2)`, [
    planned,
    JSON.stringify([{ index: 0, input: { file: files[0], name: 'a.txt' }, attempts: 0 }]),
  ]);
  await until(async () => {
    const [chunk] = await stack.query('select state from tidemark.job_chunks where job_id = $1', [planned]);
    return chunk?.state === 'queued';
  }, 'its message');
  t.match(await stack.ended(await stack.insertJob({ items: 3 }, { kind: 'noop' })), { done: 3 }, 'others go on');
  t.match(await stack.job(waiting), { state: 'queued', waits_for: null });
  await stack.query(
    `update tidemark.job_kind_versions set seen_at = now() - interval '1 min' where name = 'word.count'`,
  );
  for (const id of [waiting, planned]) {
    const job = await until(async () => {
      const row = await stack.job(id);
      return row.waits_for && row;
    }, 'what it waits for');
    t.match(job, { waits_for: 'an instance that runs the kind word.count in version 1', done: 0 });
  }
  // The row is written before the log, which comes through a pipe.
  await until(async () => unable.log().includes('job.waits'), 'the log');

  await stack.startBatch(WORD_COUNT);
  for (const id of [waiting, planned]) t.match(await stack.ended(id), { state: 'succeeded', done: 1, waits_for: null });
});
