import { migrate, openPool, withConnection } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { createWorkWatch, type WorkWatch } from '../../src/sweeper/work-watch.ts';

const stack = await useTestStack();
await stack.template('work-watch', async (url) => void (await migrate(url)));
const { primaryUrl, drop } = await stack.database({ template: 'work-watch' });
const pool = openPool({
  url: primaryUrl,
  name: 'work',
  applicationName: 'test',
  settings: {},
  options: { min: 1, max: 1 },
  observe: () => undefined,
});
t.teardown(async () => {
  await pool.close();
  await drop();
});
const run = (sql: string) => withConnection(primaryUrl, 'test', (query) => query(sql));

const untilWork = (work: WorkWatch, wanted: boolean) =>
  until(async () => (await work.hasWork()) === wanted, `hasWork() is ${wanted}`);

t.test('hasWork() is true while a job is unfinished, a schedule is due, or work was announced', async (t) => {
  const work = createWorkWatch(pool, 100);
  t.ok(work.isBusy(), 'after the start, everything is looked at');
  await untilWork(work, false);
  t.notOk(work.isBusy());

  await run(`insert into tidemark.jobs (kind, spec, role) values ('noop', '{"items": 1}', 'service_role')`);
  await untilWork(work, true);
  await run(`update tidemark.jobs set state = 'paused'`);
  await untilWork(work, true);
  await run('delete from tidemark.jobs');
  await untilWork(work, false);

  await run(
    `insert into tidemark.job_schedules (name, pattern, kind, spec, role) values ('s', '0 0 1 1 *', 'noop', '{}', 'service_role')`,
  );
  await untilWork(work, true);
  await run(`update tidemark.job_schedules set next_at = now() + interval '1 day'`);
  await untilWork(work, false);
  await run(`update tidemark.job_schedules set next_at = now() - interval '1 s'`);
  await untilWork(work, true);
  await run('delete from tidemark.job_schedules');
  await untilWork(work, false);

  work.heard();
  t.ok(work.isBusy(), 'an announcement counts at once');
});

t.test('hasWork() is true while Postgres does not answer', async (t) => {
  const away = openPool({
    url: primaryUrl.replace(/:\d+\//, ':1/'),
    name: 'away',
    applicationName: 'test',
    settings: {},
    options: { min: 0, max: 1, acquireTimeoutMs: 200 },
    observe: () => undefined,
  });
  t.teardown(() => away.close());
  const work = createWorkWatch(away, 100);
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.ok(await work.hasWork());
});
