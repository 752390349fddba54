/** Three instances, of which two have clocks that are ten minutes wrong: Postgres's clock decides. */
import { arch } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import { unpackDebian } from '@tidemark/testing/debian';
import t from 'tap';
import { type BatchProcess, type BatchStack, openBatchStack } from './batch-stack.ts';

const KINDS = fileURLToPath(new URL('./trouble.js', import.meta.url));

/** The monotonic clock, by which timers run, goes on as it is. */
async function wrongClock(offset: string): Promise<Record<string, string>> {
  const folder = await unpackDebian(['libfaketime']);
  const libraries = path.join(folder, 'usr/lib', arch() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
  return {
    LD_PRELOAD: path.join(libraries, 'faketime/libfaketimeMT.so.1'),
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  };
}

/** Resolves to the jobs of a schedule, a delayed job, and a job whose item fails and lasts longer than a lease. */
async function run(stack: BatchStack) {
  const submit = async (text: string) => (await stack.query(`${text} returning id`))[0]?.id as string;
  const delayed = await submit(`insert into tidemark.jobs (kind, spec, role, run_at)
    values ('trouble', '{"items": 4}', 'service_role', clock_timestamp() + interval '2 s')`);
  const long = await submit(`insert into tidemark.jobs (kind, spec, role)
    values ('trouble', '{"items": 4, "ms": 4000, "retries": 1}', 'service_role')`);
  const schedule = await submit(`insert into tidemark.job_schedules (name, pattern, kind, spec, role, overlap)
    values ('s', '* * * * * *', 'trouble', '{"items": 1}', 'service_role', 'allow')`);
  await Promise.all([stack.ended(delayed), stack.ended(long)]);
  await until(async () => {
    const [row] = await stack.query('select count(*)::int as n from tidemark.job_schedule_runs');
    return row?.n >= 5;
  }, 'five times');
  await stack.query('update tidemark.job_schedules set paused = true where id = $1', [schedule]);
  return { delayed: await stack.job(delayed), long: await stack.job(long) };
}

t.test('instances whose clocks are ten minutes wrong start everything as Postgres’s clock says', async (t) => {
  const stack = await openBatchStack(t);
  const env = { BATCH_KINDS: KINDS, BATCH_LEASE_MS: '3000', BATCH_CHUNK_ITEMS: '1', BATCH_MAX_ATTEMPTS: '2' };
  const [fast, slow] = await Promise.all([
    stack.startBatch({ ...env, ...(await wrongClock('+10m')) }),
    stack.startBatch({ ...env, ...(await wrongClock('-10m')) }),
    stack.startBatch(env),
  ]);
  const skewOf = ({ log }: BatchProcess) => Number(/"time":(\d+)/.exec(log())?.[1]) - Date.now();
  t.ok(skewOf(fast) > 9 * 60_000 && skewOf(slow) < -9 * 60_000, 'their clocks are wrong');
  const { delayed, long } = await run(stack);
  t.match(delayed, { state: 'succeeded', done: 4 });
  const late = Date.parse(delayed.started_at) - Date.parse(delayed.run_at);
  t.ok(late >= 0 && late < 5_000, `${late} ms after its time`);
  t.match(long, { state: 'partly_failed', done: 3, failed: 1 });
  const [lost] = await stack.query('select max(losses) as losses, max(attempt) as attempts from tidemark.job_chunks');
  t.match(lost, { losses: 0, attempts: 1 }, 'no lease ended');
  const runs = await stack.query(
    'select state, extract(epoch from decided_at - due_at)::float8 as late from tidemark.job_schedule_runs',
  );
  t.ok(
    runs.every(({ state }) => state === 'started' || state === 'ended'),
    'none was missed',
  );
  t.ok(
    runs.every(({ late: seconds }) => seconds >= 0 && seconds < 5),
    'none was early or late',
  );
  for (const wrong of [fast, slow]) {
    t.notOk(/chunk\.(republished|lost)/.test(wrong.log()), 'it takes nothing for lost');
    t.ok(/chunk\.done/.test(wrong.log()), 'it has worked, too');
  }
});
