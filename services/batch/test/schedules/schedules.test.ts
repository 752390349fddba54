import { fileURLToPath } from 'node:url';
import type { Row } from '@tidemark/db';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const stack = await openBatchStack(t);
const env = { BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)) };
// Two instances, of which each time is started by one.
await Promise.all([stack.startBatch(env), stack.startBatch(env)]);

const ada = (text: string, params: unknown[] = []): Promise<Row[]> =>
  stack.database.pools.write.transaction((tx) => tx.query(text, params as never), {
    identity: { role: 'authenticated', claims: '{"role": "authenticated", "sub": "ada"}' },
  });
let names = 0;
async function create(spec: object, more: Record<string, string> = {}): Promise<string> {
  names += 1;
  const { pattern = '* * * * * *', ...rest } = more;
  const settings = Object.entries(rest).map(([name, value]) => `, ${name} => '${value}'`);
  const [row] = await ada(`select id from tidemark.create_schedule($1, $2, 'trouble', $3${settings.join('')})`, [
    `schedule ${names}`,
    pattern,
    JSON.stringify(spec),
  ]);
  return row!.id;
}
const runsOf = (id: string) =>
  ada('select * from tidemark.job_schedule_runs where schedule_id = $1 order by due_at', [id]);
const runs = (id: string, what: string, enough: (rows: Row[]) => boolean) =>
  until(async () => {
    const rows = await runsOf(id);
    return enough(rows) && rows;
  }, what);
const remove = (id: string) => ada('select tidemark.delete_schedule($1)', [id]);
/** As if the schedule had been due for a while. */
const dueSince = (id: string, ago: string) =>
  stack.query(
    `update tidemark.job_schedules set next_at = date_trunc('second', clock_timestamp() - $2::interval) where id = $1`,
    [id, ago],
  );
const dayly = { pattern: '0 0 1 1 *' };

t.test('each time starts one job as the owner, on any instance', async (t) => {
  const id = await create({ items: 1 });
  const rows = await runs(id, 'three jobs', (found) => found.filter(({ job_id }) => job_id).length >= 3);
  await remove(id);
  const started = rows.filter(({ job_id }) => job_id);
  t.equal(new Set(started.map(({ job_id }) => job_id)).size, started.length);
  const jobs = await stack.query('select owner, role, created_at from tidemark.jobs');
  t.ok(jobs.every(({ owner, role }) => owner === 'ada' && role === 'authenticated'));
  t.ok(jobs.length >= started.length && jobs.length <= started.length + 2, `${jobs.length} jobs`);
  t.ok(
    started.every(({ due_at, decided_at }) => Date.parse(decided_at) >= Date.parse(due_at)),
    'never early',
  );
});

t.test('a pattern that never fires says so, and a changed one is read again', async (t) => {
  const id = await create({ items: 1 }, { pattern: '0 0 30 2 *' });
  const errorOf = async () => (await ada('select error from tidemark.job_schedules where id = $1', [id]))[0]?.error;
  t.match(await until(errorOf, 'the error'), { code: 'SCHEDULE_INVALID', message: /never fires/ });
  await ada(`update tidemark.job_schedules set pattern = '0 0 1 1 *' where id = $1`, [id]);
  await until(async () => {
    const [row] = await ada('select error, next_at from tidemark.job_schedules where id = $1', [id]);
    return row?.next_at && row.error === null;
  }, 'the next time');
  await remove(id);
});

const OVERLAPS = [
  ['skip', ['started', 'skipped']],
  ['queue', ['started', 'waiting']],
  ['allow', ['started', 'started']],
  ['replace', ['ended', 'started']],
] as const;
for (const [overlap, states] of OVERLAPS) {
  t.test(`while a job of it runs, a schedule with the overlap ${overlap} has runs ${states.join(', ')}`, async (t) => {
    const id = await create({ items: 1, ms: 60_000 }, { overlap, ...dayly });
    await until(
      async () =>
        (await ada('select from tidemark.job_schedules where id = $1 and next_at is not null', [id])).length > 0,
      'it to be read',
    );
    await ada(`update tidemark.job_schedules set pattern = '* * * * * *' where id = $1`, [id]);
    const count = (rows: Row[], state: string) => rows.filter((row) => row.state === state).length;
    const rows = await runs(id, states.join(', '), (found) =>
      states.every((state) => count(found, state) >= states.filter((other) => other === state).length),
    );
    t.equal(new Set(rows.map(({ due_at }) => due_at)).size, rows.length);
    await ada('select tidemark.pause_schedule($1)', [id]);
    const jobs = rows.map(({ job_id }) => job_id).filter((job) => job);
    if (overlap === 'queue') {
      await ada('select tidemark.resume_schedule($1)', [id]);
      await ada('select tidemark.cancel_job($1)', [jobs[0]]);
      await runs(id, 'the one that waited', (found) => found[1]?.job_id && found[0]?.state === 'ended');
    }
    await remove(id);
    await stack.query(
      `update tidemark.jobs set state = 'cancelled' where state in ('queued', 'planning', 'running', 'paused')`,
    );
    if (overlap === 'replace') t.match(await stack.job(jobs[0]), { state: 'cancelled' });
  });
}

t.test('missed times start one job; those of a pause start none', async (t) => {
  const id = await create({ items: 1 }, { pattern: '0 * * * *' });
  const read = () =>
    until(
      async () => (await ada('select from tidemark.job_schedules where id = $1 and next_at > now()', [id])).length > 0,
      'it to be read',
    );
  await read();
  await dueSince(id, '5 hours');
  const rows = await runs(id, 'one job', (found) => found.some(({ job_id }) => job_id));
  t.ok(rows.length <= 2 && rows.filter(({ job_id }) => job_id).length === 1, rows.map(({ state }) => state).join());
  await ada('select tidemark.pause_schedule($1)', [id]);
  t.match(await ada('select next_at from tidemark.job_schedules where id = $1', [id]), [{ next_at: null }]);
  await ada('select tidemark.resume_schedule($1)', [id]);
  await read();
  t.equal((await runsOf(id)).length, rows.length);
  await remove(id);
});

t.test('each start is decided by the rights that the owner has then, and a refusal says why', async (t) => {
  const id = await create({ items: 1 }, dayly);
  await stack.query(
    `create policy stricter on tidemark.jobs as restrictive for insert to public with check (owner <> 'ada')`,
  );
  t.teardown(() => stack.query('drop policy if exists stricter on tidemark.jobs'));
  await ada(`update tidemark.job_schedules set pattern = '* * * * * *' where id = $1`, [id]);
  const rows = await runs(id, 'a refusal', (found) => found.some(({ state }) => state === 'refused'));
  t.match(rows[0], { state: 'refused', job_id: null, error: { code: '42501', message: /row-level security/ } });
  await stack.query('drop policy stricter on tidemark.jobs');
  await runs(id, 'a job', (found) => found.some(({ job_id }) => job_id));
  await remove(id);
});

t.test('a schedule that Postgres fails to start does not stop the others', async (t) => {
  await stack.query(`
    create function break_job() returns trigger language plpgsql as $$
    begin raise exception using errcode = 'XX000', message = 'broken'; end $$`);
  await stack.query(`
    create trigger break_job before insert on tidemark.jobs for each row when (new.spec ->> 'broken' = 'yes')
    execute function break_job()`);
  t.teardown(() => stack.query('drop function if exists break_job() cascade'));
  const broken = await create({ items: 1, broken: 'yes' });
  const isDue = async () =>
    (await ada('select from tidemark.job_schedules where id = $1 and next_at < now()', [broken])).length > 0;
  await until(isDue, 'it to be due');
  const other = await create({ items: 1 });
  await runs(other, 'the other one', (found) => found.some(({ job_id }) => job_id));
  t.same(await runsOf(broken), [], 'its time is not decided');
  await stack.query('drop trigger break_job on tidemark.jobs');
  await runs(broken, 'it, once it can start', (found) => found.some(({ job_id }) => job_id));
  for (const id of [broken, other]) await remove(id);
});

t.test(
  'a schedule that is run by hand starts a job of its owner, after the one that is open unless it may overlap',
  async (t) => {
    const states = async (id: string) => (await runsOf(id)).map(({ state }) => state);
    const byService = (id: string) =>
      stack.database.pools.write.transaction((tx) => tx.query('select tidemark.run_schedule($1)', [id]), {
        identity: { role: 'service_role', claims: '{"role": "service_role"}' },
      });
    const id = await create({ items: 1, ms: 60_000 }, dayly);
    await byService(id);
    const [first] = await runs(id, 'a job', (found) => found[0]?.job_id);
    t.match(await stack.job(first?.job_id), { owner: 'ada', role: 'authenticated' });
    await ada('select tidemark.run_schedule($1)', [id]);
    t.same(await states(id), ['started', 'waiting']);
    await ada('select tidemark.cancel_job($1)', [first?.job_id]);
    await runs(id, 'the one that waited', (found) => found[1]?.job_id);
    await ada(`update tidemark.job_schedules set overlap = 'allow' where id = $1`, [id]);
    await ada('select tidemark.run_schedule($1)', [id]);
    const both = await runs(id, 'one beside it', (found) => found[2]?.job_id);
    for (const { job_id } of both.slice(1)) await ada('select tidemark.cancel_job($1)', [job_id]);
    await remove(id);
  },
);
