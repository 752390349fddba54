import { readFile } from 'node:fs/promises';
import { createMetrics } from '@tidemark/service';
import { METRICS_ENV, metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { showShares } from '../../src/fairness/shares.ts';
import { openBatchStack } from '../batch-stack.ts';

const stack = await openBatchStack(t);

t.test('gauges name the ten largest tenants and targets, and count the others together', async (t) => {
  await stack.query(`
    insert into tidemark.jobs (kind, spec, role, owner, state) select 'noop', '{}', 'service_role', 'tenant-' || n, s
    from generate_series(1, 12) as n, unnest(case when n <= 11 then array['running', 'queued'] else array['queued'] end) as s`);
  await stack.query(`
    insert into tidemark.job_chunks (job_id, chunk, items, state, target)
    select id, n, '[]', 'running', 'host-1' from tidemark.jobs, generate_series(0, 2) as n where tenant = 'tenant-7' and state = 'running'`);
  await stack.query(`
    insert into tidemark.job_targets (kind, target, tenant, allowed, blocked_until)
    select 'noop', 'host-' || n, 'tenant-7', case when n = 2 then 0 else 4.5 end, case when n = 2 then now() + interval '10 minutes' end
    from generate_series(1, 12) as n`);
  const metrics = createMetrics('test');
  const shares = showShares({
    pool: stack.database.pools.write,
    work: { isBusy: () => true },
    metrics,
    observe: () => undefined,
  });
  t.teardown(() => shares.stop());
  const page = await until(async () => {
    const text = await metrics.registry.metrics();
    return text.includes('tidemark_batch_target_blocked_seconds{') && text;
  }, 'the figures');
  const values = (name: string) =>
    [...page.matchAll(new RegExp(`^tidemark_batch_${name}\\{(.*?)(?:,service="test")\\} (.*)$`, 'gm'))].map(
      ([, labels, value]) => [labels, Number(value)] as const,
    );
  const value = (name: string, labels: string) => new Map(values(name)).get(labels);
  t.equal(value('tenant_chunks_running', 'tenant="tenant-7"'), 3);
  t.equal(value('tenant_jobs_running', 'tenant="tenant-7"'), 1);
  t.equal(value('tenant_jobs_queued', 'tenant="tenant-7"'), 1);
  const queued = values('tenant_jobs_queued');
  t.equal(queued.length, 11);
  t.equal(
    queued.reduce((sum, [, n]) => sum + n, 0),
    12,
  );
  t.equal(value('tenant_jobs_queued', 'tenant="(other)"'), 2);

  const host = (n: number) => `kind="noop",target="host-${n}",tenant="tenant-7"`;
  t.equal(values('target_circuit_open').length, 11);
  t.equal(value('target_circuit_open', host(2)), 1);
  const blocked = value('target_blocked_seconds', host(2)) ?? 0;
  t.ok(blocked > 500 && blocked <= 600, `${blocked} s`);
  t.equal(value('target_chunks_allowed', host(2)), 0);
  t.equal(value('target_chunks_running', host(1)), 3);
  t.equal(value('target_chunks_allowed', host(1)), 4);
  t.equal(value('target_chunks_allowed', 'kind="(other)",target="(other)",tenant="(other)"'), 8);
});

t.test('REFERENCE.md lists the metrics of batch, with their help, and no others', async (t) => {
  const { url } = await stack.startBatch(METRICS_ENV);
  const page = await metricsPage(url);
  const shown = [...page.matchAll(/^# HELP (tidemark_batch_\w+) (.*)$/gm)].map(([, name, help]) => [name, help]);
  const reference = await readFile(new URL('../../REFERENCE.md', import.meta.url), 'utf8');
  const listed = [...reference.matchAll(/^\| `(tidemark_batch_\w+)` \| (.*) \|$/gm)].map(([, name, help]) => [
    name,
    help,
  ]);
  t.same(listed.sort(), shown.sort());
});
