import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

t.test(
  'a sweep of more than a page tells all jobs what they wait for, and cancels the chunks of all ended jobs',
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
    await until(async () => (await count(`jobs where waits_for like '%the kind gone%'`)) === 420, 'all to wait');
    await until(async () => (await count(`job_chunks where state = 'cancelled'`)) === 210, 'all chunks');
  },
);
