/** Figures of a job: its tidemark, its place in the queue, its times, and items that are not done yet. */
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const stack = await openBatchStack(t);
await stack.startBatch({
  BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)),
  BATCH_CHUNK_ITEMS: '2',
  BATCH_RUNNING_JOBS: '2',
});

const as = (sub: string, text: string, params: unknown[] = []) =>
  stack.database.pools.write.transaction((tx) => tx.query(text, params as never), {
    identity: { role: 'authenticated', claims: JSON.stringify({ role: 'authenticated', sub }) },
  });
const submit = async (sub: string, spec: unknown, more = '') =>
  (await as(sub, `select * from tidemark.submit_job('trouble', $1 ${more})`, [JSON.stringify(spec)]))[0]!.id as string;

t.test('a job reads at or after the tidemark that it asks for, and records the one that it read', async (t) => {
  const now = (await stack.database.read({ identity: { role: 'anon', claims: '{}' }, statement: { text: 'select 1' } }))
    .tidemark;
  const job = await stack.ended(await submit('ada', { items: 1 }, `, at_least => '${now}'`));
  t.match(job, { state: 'succeeded', at_least: now });
  t.ok(job.tidemark >= now, `${job.tidemark} is at or after ${now}`);
  t.match(await stack.ended(await submit('ada', { items: 1 })), {
    at_least: null,
    tidemark: /^[0-9a-z]+-[0-9A-F]{16}$/,
  });
  const [epoch] = now.split('-');
  const ahead = await stack.ended(await submit('ada', { items: 1 }, `, at_least => '${epoch}-00FFFFFFFFFFFFFF'`));
  t.match(ahead, { state: 'failed', error: { code: 'BATCH_TIDEMARK', message: /ahead/, hint: String } });
  const other = await stack.ended(await submit('ada', { items: 1 }, `, at_least => 'zzzzzzz-0000000000000001'`));
  t.match(other, { state: 'failed', error: { code: 'BATCH_TIDEMARK', message: /epoch/ } });
});

t.test('queue_position counts the jobs that start before, of this tenant and in turns of the others', async (t) => {
  const blocking = await submit('bob', { items: 30, ms: 200 });
  await until(async () => (await stack.job(blocking)).state === 'running', 'it to run');
  const position = async (sub: string, id: string) =>
    (await as(sub, 'select tidemark.queue_position($1)::int as n', [id]))[0]!.n;
  const bobs = [
    await submit('bob', { items: 1 }),
    await submit('bob', { items: 1 }),
    await submit('bob', { items: 1 }),
  ];
  t.equal(await position('bob', bobs[2]!), 3);
  t.equal(await position('bob', blocking), 0, 'it has started');
  t.equal(await position('eve', bobs[2]!), null, 'who does not see the job learns nothing');
  const [timing] = await as('bob', 'select t.* from tidemark.jobs j, tidemark.job_timing(j) t where id = $1', [
    bobs[2],
  ]);
  t.match(timing, { run_seconds: null, rate: null, eta: null });
  t.ok(timing?.wait_seconds >= 0);
  const due = await submit('bob', { items: 1 }, `, run_at => now() + interval '1 hour'`);
  const [later] = await as('bob', 'select t.* from tidemark.jobs j, tidemark.job_timing(j) t where id = $1', [due]);
  t.equal(later?.wait_seconds, 0, 'it could not start yet');
  for (const id of [due, blocking]) await as('bob', 'select tidemark.cancel_job($1)', [id]);
  for (const id of bobs) await stack.ended(id);
  t.equal(await position('bob', bobs[2]!), null, 'it has ended');
});

t.test(
  'items that are not done appear among the others, for who sees the job, without rows of their own',
  async (t) => {
    const id = await submit('ada', { items: 8, ms: 300 });
    const states = () => as('ada', 'select index, state, input from tidemark.items_of_job($1)', [id]);
    const rows = await until(async () => {
      const found = await states();
      return new Set(found.map(({ state }) => state)).size === 3 && found;
    }, 'some of each');
    t.same(
      rows.map(({ index, input }) => [index, input]),
      Array.from({ length: 8 }, (_, n) => [n, n]),
    );
    t.same(new Set(rows.map(({ state }) => state)), new Set(['succeeded', 'running', 'queued']));
    t.same(await as('bob', 'select * from tidemark.items_of_job($1)', [id]), []);
    t.match(await as('ada', 'select index from tidemark.items_of_job($1, 3, 2)', [id]), [{ index: 4 }, { index: 5 }]);
    await stack.ended(id);
    t.equal((await states()).length, 8);
  },
);

t.test('an input that Postgres cannot store fails its item alone, before the others are planned', async (t) => {
  const id = await submit('ada', { items: 5, bad: 2 });
  t.match(await stack.ended(id), { state: 'partly_failed', total: 5, done: 4, failed: 1 });
  t.match(
    await stack.query(`select index, code, attempts from tidemark.job_items where job_id = $1 and state = 'failed'`, [
      id,
    ]),
    [{ index: 2, code: 'BATCH_INVALID_INPUT', attempts: 0 }],
  );
  t.match(await stack.ended(await submit('ada', { items: 1, bad: 0 })), { state: 'failed', total: 1, failed: 1 });
});

t.test(
  'the run time of a job leaves out its pauses and the time before a retry, and its wait a pause before the start',
  async (t) => {
    const timing = async (id: string) =>
      (await as('ada', 'select t.* from tidemark.jobs j, tidemark.job_timing(j) t where id = $1', [id]))[0]!;
    const id = await submit('ada', { items: 12, ms: 150, throws: 11 });
    await until(async () => (await stack.job(id)).done >= 1, 'some items');
    await as('ada', 'select tidemark.pause_job($1)', [id]);
    // As if it had been paused for an hour.
    await stack.query(
      `update tidemark.jobs set paused_at = paused_at - interval '1 hour', started_at = started_at - interval '1 hour' where id = $1`,
      [id],
    );
    const paused = await timing(id);
    t.ok(paused.run_seconds < 60, `it ran ${paused.run_seconds} s until the pause`);
    t.equal(paused.eta, null);
    await as('ada', 'select tidemark.resume_job($1)', [id]);
    t.match(await stack.ended(id), { state: 'partly_failed', paused_at: null });
    const ended = await timing(id);
    t.ok(ended.run_seconds < 60, `it ran ${ended.run_seconds} s`);
    t.ok(ended.rate > 12 / 60, `${ended.rate} items a second`);
    await stack.query(
      `update tidemark.jobs set started_at = started_at - interval '1 day', finished_at = finished_at - interval '1 day' where id = $1`,
      [id],
    );
    await as('ada', 'select tidemark.retry_job($1)', [id]);
    await stack.ended(id);
    const again = await timing(id);
    t.ok(
      again.run_seconds >= ended.run_seconds && again.run_seconds < 60,
      `it ran ${again.run_seconds} s with the retry`,
    );

    const early = await submit('ada', { items: 1 }, `, run_at => now() + interval '1 hour'`);
    await stack.query(
      `update tidemark.jobs set created_at = created_at - interval '1 day', run_at = null, state = 'paused' where id = $1`,
      [early],
    );
    await stack.query(`update tidemark.jobs set paused_at = now() - interval '1 hour' where id = $1`, [early]);
    t.ok((await timing(early)).wait_seconds > 80_000, 'it waited until the pause');
    await as('ada', 'select tidemark.resume_job($1)', [early]);
    await stack.ended(early);
    const { wait_seconds } = await timing(early);
    t.ok(wait_seconds < 60, `it waited ${wait_seconds} s since it could start`);
  },
);
