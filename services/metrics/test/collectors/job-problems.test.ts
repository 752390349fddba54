import { migrate, openDatabase } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { jobProblems } from '../../src/collectors/job-problems.ts';
import type { PostgresConnection } from '../../src/collectors/postgres-connection.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const db = await openDatabase({ primaryUrl: database.primaryUrl, applicationName: 'problems' });
t.teardown(async () => {
  await db.close();
  await database.drop();
});
const { admin } = db.pools;

t.test('tells chunks that wait, the kind with most workers, jobs past their deadline, and dead letters', async (t) => {
  const collect = () => jobProblems({ admin: () => admin } as PostgresConnection).collect();
  t.same(await collect(), []);
  await admin.query(
    "insert into tidemark.job_kinds (name, version, spec_schema, limits) values ('one', 1, '{}', '{}'), ('two', 1, '{}', '{}')",
  );
  const add = async (kind: string, state: string, deadline: string | null = null) => {
    const [row] = await admin.query<{ id: string }>(
      `insert into tidemark.jobs (kind, spec, role, state, deadline)
       values ($1, '{}', 'service_role', $2, $3::timestamptz) returning id::text`,
      [kind, state, deadline],
    );
    return row?.id;
  };
  const waits = await add('one', 'running');
  const works = await add('two', 'running');
  const late = await add('one', 'paused', new Date(Date.now() - 30_000).toISOString());
  const chunk = (job: string | undefined, number: number, state: string, ago: string, more = 'null') =>
    admin.query(
      `insert into tidemark.job_chunks (job_id, chunk, items, state, queued_at, started_at, not_before)
       values ($1, $2, '[]', $3, now() - $4::interval, now() - $4::interval, ${more})`,
      [job, number, state, ago],
    );
  await chunk(waits, 0, 'queued', '90 s');
  await chunk(waits, 1, 'queued', '9 s');
  await chunk(waits, 2, 'queued', '900 s', "now() + interval '1 h'");
  for (const n of [0, 1, 2]) await chunk(works, n, 'running', '5 s');
  await admin.query(
    "insert into tidemark.job_items (job_id, index, state, attempts, input, dead_letter) values ($1, 0, 'failed', 3, '{}', true)",
    [works],
  );
  const problems = await collect();
  const of = (problem: string) => problems.find((one) => one.problem === problem);
  t.match(
    of('waiting'),
    { kind: 'one', job: waits, count: 2, priority: 'normal' },
    'a chunk that is to run later does not wait',
  );
  t.ok(Math.abs((of('waiting')?.seconds ?? 0) - 90) < 30);
  t.match(of('busy'), { kind: 'two', job: works, count: 3 });
  t.match(of('overdue'), { job: late });
  t.match(of('dead'), { kind: 'two', job: works, count: 1 });
});
