import t from 'tap';
import { openBatchStack, until } from '../batch-stack.ts';

t.test(
  'sweeps page by key: more jobs than a page say what they wait for, and chunks of more ended jobs are cancelled',
  async (t) => {
    const stack = await openBatchStack(t);
    await stack.query(
      `insert into tidemark.job_kinds (name, version, spec_schema, limits) values ('gone', 1, '{}', '{}')`,
    );
    await stack.query(`
    insert into tidemark.jobs (kind, spec, role, state) select 'gone', '{}', 'service_role', s
    from unnest(array['queued', 'running', 'cancelled']) as s, generate_series(1, 210)`);
    await stack.query(`
    insert into tidemark.job_chunks (job_id, chunk, items) select id, 0, '[]' from tidemark.jobs where state = 'cancelled'`);
    await stack.startBatch();
    const count = async (text: string) =>
      Number((await stack.query(`select count(*) from tidemark.${text}`))[0]!.count);
    await until(
      'all to wait',
      10_000,
      async () => (await count(`jobs where waits_for like '%the kind gone%'`)) === 420,
    );
    await until('all chunks', 10_000, async () => (await count(`job_chunks where state = 'cancelled'`)) === 210);
  },
);
