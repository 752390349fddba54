/** Jobs as SQL controls them: submit, pause, resume, retry, cancel, start times and deadlines. */
import { fileURLToPath } from 'node:url';
import type { Row } from '@tidemark/db';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const stack = await openBatchStack(t);
await stack.startBatch({
  BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)),
  BATCH_CHUNK_ITEMS: '1',
  BATCH_WINDOW: '1',
  BATCH_MAX_ATTEMPTS: '1',
});

const as = (sub: string, text: string, params: unknown[] = []): Promise<Row[]> =>
  stack.database.pools.write.transaction((tx) => tx.query(text, params as never), {
    identity: { role: 'authenticated', claims: JSON.stringify({ role: 'authenticated', sub }) },
  });
const ada = (text: string, ...params: unknown[]) => as('ada', text, params);
const submit = (spec: unknown, more = '') =>
  ada(`select * from tidemark.submit_job('trouble', $1 ${more})`, JSON.stringify(spec));
const started = async (spec: unknown) => (await submit(spec))[0]!.id as string;
const someDone = (id: string) =>
  until(async () => {
    const [row] = await stack.query(`select count(*)::int as n from tidemark.job_items where job_id = $1`, [id]);
    return row?.n > 0;
  }, 'some items');

t.test('a spec is moved off the row of the job, and only who sees the job reads it', async (t) => {
  const spec = { items: 1 };
  const [inserted] = await ada(
    `insert into tidemark.jobs (kind, spec) values ('trouble', $1) returning id, spec`,
    JSON.stringify(spec),
  );
  t.same(inserted?.spec, spec);
  const read = 'select j.spec, tidemark.job_spec(j) as kept from tidemark.jobs j where id = $1';
  t.match(await ada(read, inserted?.id), [{ spec: null, kept: spec }]);
  t.same(await as('bob', 'select spec from tidemark.job_requests where job_id = $1', [inserted?.id]), []);
  await t.rejects(ada('select claims from tidemark.job_requests'), { code: '42501' });
  t.match(await stack.ended(inserted?.id), { state: 'succeeded', done: 1 });
});

t.test('a paused job starts nothing more, keeps what is done, and goes on when it is resumed', async (t) => {
  const id = await started({ items: 40, ms: 50 });
  await someDone(id);
  t.match(await ada('select state from tidemark.pause_job($1)', id), [{ state: 'paused' }]);
  const running = () => stack.query(`select from tidemark.job_chunks where job_id = $1 and state = 'running'`, [id]);
  await until(async () => (await running()).length === 0, 'what runs to end');
  const recorded = async () => {
    const [row] = await stack.query('select count(*)::int as n from tidemark.job_items where job_id = $1', [id]);
    return row?.n;
  };
  const before = await recorded();
  t.match(await stack.ended(await started({ items: 2 })), { done: 2 }, 'others go on');
  const paused = await stack.job(id);
  t.match(paused, { state: 'paused', finished_at: null });
  t.equal(await recorded(), before, 'nothing more was started');
  t.ok(before < 40, `${before} of 40 are done`);
  t.match(await ada('select state from tidemark.resume_job($1)', id), [{ state: 'running' }]);
  t.match(await stack.ended(id), { state: 'succeeded', total: 40, done: 40 });
});

t.test('a job that is paused before it is planned is planned when it is resumed', async (t) => {
  const [job] = await submit({ items: 2 }, ", run_at => now() + interval '1 hour'");
  await ada('select tidemark.pause_job($1)', job?.id);
  t.match(await ada('select state from tidemark.resume_job($1)', job?.id), [{ state: 'queued' }]);
  await stack.query('update tidemark.jobs set run_at = null where id = $1', [job?.id]);
  t.match(await stack.ended(job?.id), { state: 'succeeded', done: 2 });
});

t.test('retry runs the failed items again, all or those with a code', async (t) => {
  const id = await started({ items: 6, retries: 1, throws: 4 });
  t.match(await stack.ended(id), { state: 'partly_failed', total: 6, done: 4, failed: 2 });
  await t.rejects(ada(`select tidemark.retry_job($1, 'NO_SUCH')`, id), { code: 'PT409', message: /NO_SUCH/ });
  t.match(await ada(`select state, failed from tidemark.retry_job($1, 'TROUBLE')`, id), [
    { state: 'running', failed: 1 },
  ]);
  t.match(await stack.ended(id), { state: 'partly_failed', total: 6, done: 4, failed: 2 }, 'it fails again');
  // As if the cause was mended.
  await stack.query(`update tidemark.job_requests set spec = '{"items": 6}' where job_id = $1`, [id]);
  t.match(await ada('select state, failed, error from tidemark.retry_job($1)', id), [{ failed: 0, error: null }]);
  t.match(await stack.ended(id), { state: 'succeeded', total: 6, done: 6, failed: 0, error: null });
  await stack.query('select pg_sleep(0)');
  t.match(await ada('select state from tidemark.retry_job($1)', id), [{ state: 'succeeded' }], 'an ended job stays');
});

t.test(
  'items whose inputs cannot be stored are not retried, and a job without other failures is refused so',
  async (t) => {
    const id = await started({ items: 3, bad: 1 });
    t.match(await stack.ended(id), { state: 'partly_failed', done: 2, failed: 1 });
    for (const code of ['', `, 'BATCH_INVALID_INPUT'`]) {
      await t.rejects(ada(`select tidemark.retry_job($1${code})`, id), { code: 'PT409', hint: /job_failures/ });
    }
    t.match(await stack.job(id), { state: 'partly_failed', done: 2, failed: 1 });
    const both = await started({ items: 3, bad: 1, throws: 2 });
    t.match(await stack.ended(both), { done: 1, failed: 2 });
    t.match(await ada('select state, failed from tidemark.retry_job($1)', both), [{ state: 'running', failed: 1 }]);
    t.match(await stack.ended(both), { state: 'partly_failed', done: 1, failed: 2 });
    t.match(
      await stack.query(
        `select index, code from tidemark.job_items where job_id = $1 and state = 'failed' order by 1`,
        [both],
      ),
      [{ index: 1, code: 'BATCH_INVALID_INPUT' }, { index: 2 }],
    );
  },
);

t.test('only who may change a job controls it', async (t) => {
  const id = await started({ items: 1, throws: 0 });
  await stack.ended(id);
  for (const call of ['pause_job', 'resume_job', 'retry_job', 'cancel_job']) {
    await t.rejects(as('bob', `select tidemark.${call}($1)`, [id]), { code: 'PT404' }, call);
  }
  await t.rejects(ada(`update tidemark.jobs set state = 'running' where id = $1`, id), { code: 'PT409' });
});

t.test('the same idempotency key is the same job, until it fails', async (t) => {
  const key = `, idempotency_key => 'k1'`;
  const [first] = await submit({ items: 1 }, key);
  const [again] = await submit({ items: 1 }, key);
  t.equal(again?.id, first?.id);
  await t.rejects(submit({ items: 2 }, key), { code: 'PT422', message: new RegExp(first?.id) });
  t.not((await as('bob', `select * from tidemark.submit_job('trouble', '{"items": 2}' ${key})`))[0]?.id, first?.id);
  await stack.ended(first?.id);
  t.equal((await submit({ items: 1 }, key))[0]?.id, first?.id, 'a job that succeeded keeps its key');
  const failing = `, idempotency_key => 'k2'`;
  const [failed] = await submit({ items: 1, throws: 0 }, failing);
  t.match(await stack.ended(failed?.id), { state: 'failed' });
  t.not((await submit({ items: 1 }, failing))[0]?.id, failed?.id, 'one that failed frees it');
  const both = await Promise.all([1, 2, 3, 4].map(() => submit({ items: 1 }, `, idempotency_key => 'k3'`)));
  t.equal(new Set(both.map(([job]) => job?.id)).size, 1, 'also at the same time');
});

t.test('a job waits for its start time', async (t) => {
  const [job] = await submit({ items: 1 }, ", run_at => clock_timestamp() + interval '1500 ms'");
  const done = await stack.ended(job?.id);
  t.ok(Date.parse(done.started_at) >= Date.parse(done.run_at), 'by the clock of Postgres');
});

t.test('a job past its deadline ends with what it has, and starts nothing', async (t) => {
  const late = await Promise.all(
    Array.from({ length: 8 }, () => submit({ items: 1 }, ", deadline => clock_timestamp() - interval '1 s'")),
  );
  for (const [job] of late) {
    t.match(await stack.ended(job?.id), { state: 'failed', done: 0, total: 0, error: { code: 'BATCH_DEADLINE' } });
  }
  const [job] = await submit({ items: 100, ms: 50 }, ", deadline => clock_timestamp() + interval '2 s'");
  const ended = await stack.ended(job?.id);
  t.match(ended, { state: 'partly_failed', error: { code: 'BATCH_DEADLINE' } });
  t.ok(ended.done > 0 && ended.done < 100, `${ended.done} of 100`);
  const open = await until(async () => {
    const rows = await stack.query(
      `select from tidemark.job_chunks where job_id = $1 and state in ('planned', 'queued', 'running')`,
      [job?.id],
    );
    return rows.length === 0;
  }, 'its chunks to be cancelled');
  t.ok(open);
});
