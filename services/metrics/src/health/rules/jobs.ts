/** Jobs that wait too long, miss their deadline, or have items that failed for good. */
import { literal } from '@tidemark/db';
import type { JobProblem } from '../../collectors/job-problems.ts';
import type { Finding, Remedy } from '../finding.ts';
import { displayName, type SystemState, seconds } from '../system-state.ts';

const WAITING_HOLD_MS = 60_000;

export function* jobRules(state: SystemState): Generator<Finding> {
  const problems = state.collected.jobProblems ?? [];
  yield* waiting(problems, state);
  for (const { problem, kind, tenant, job, seconds: late, count } of problems) {
    if (problem === 'overdue' && late * 1_000 >= state.thresholds.overdueMs) {
      yield {
        rule: 'jobs.overdue',
        key: `overdue ${job}`,
        subject: `job ${job}`,
        severity: 'degraded',
        measured: late * 1_000,
        limit: state.thresholds.overdueMs,
        unit: 'ms',
        message: `the job ${job} (${kind}${ofTenant(tenant)}) has not ended ${seconds(late * 1_000)} after its deadline`,
        hint: `GET /api/v1/jobs/${job} says how far it is. No batch instance ends it: is one running?`,
      };
    }
    if (problem === 'dead') {
      yield {
        rule: 'jobs.dead_letters',
        // Batch reports the same problem under this key, so that it is one alert.
        key: `batch: batch dead letters ${kind}`,
        subject: kind,
        severity: 'degraded',
        measured: count,
        limit: 0,
        unit: 'count',
        message: `${count} items of the kind ${kind} used all their attempts; the oldest are of the job ${job}`,
        hint: `tidemark.dead_letters lists them with their errors. Mend the cause, then run them again.`,
        remedies: [
          {
            sql: `select tidemark.retry_job('${job}')`,
            effect: 'The failed items of that job run again.',
            risk: 'They fail again unless the cause is mended.',
          },
        ],
      };
    }
  }
}

function* waiting(problems: readonly JobProblem[], { live, thresholds }: SystemState): Generator<Finding> {
  const workers = live.flatMap(({ key, telemetry }) =>
    telemetry.workers ? [{ key, name: displayName(telemetry), ...telemetry.workers }] : [],
  );
  if (workers.length === 0 || workers.some(({ busy, threads }) => busy < threads)) return;
  const targets = { high: thresholds.chunkWaitHighMs, normal: thresholds.chunkWaitMs, low: thresholds.chunkWaitLowMs };
  const [busiest] = problems.filter(({ problem }) => problem === 'busy').sort((a, b) => b.count - a.count);
  for (const { problem, kind, tenant, job, priority, seconds: waited, count } of problems) {
    if (problem !== 'waiting' || waited * 1_000 <= targets[priority]) continue;
    const threads = workers.reduce((sum, one) => sum + one.threads, 0);
    yield {
      rule: 'jobs.waiting',
      key: `chunks wait ${priority}`,
      subject: busiest ? `${busiest.kind}${ofTenant(busiest.tenant)}` : kind,
      severity: 'degraded',
      measured: waited * 1_000,
      limit: targets[priority],
      unit: 'ms',
      affects: workers.map(({ key }) => key),
      message: `${count} chunks of ${priority} priority wait, the oldest for ${seconds(waited * 1_000)} (job ${job}, ${kind}${ofTenant(tenant)}); all ${threads} workers are busy${busiest ? `, ${busiest.count} of them with ${busiest.kind}${ofTenant(busiest.tenant)} (job ${busiest.job})` : ''}`,
      hint: 'Start another batch instance, or give the job that fills the workers a lower priority.',
      holdMs: WAITING_HOLD_MS,
      remedies: busiest ? [pauseJobs(busiest)] : [],
    };
  }
}

const pauseJobs = ({ kind, tenant }: JobProblem): Remedy => ({
  sql: `select tidemark.pause_job(id) from tidemark.jobs where kind = ${literal(kind)} and tenant = ${literal(tenant)} and state in ('queued', 'planning', 'running')`,
  effect: `What runs of ${kind}${ofTenant(tenant)} ends, nothing more of it starts, and the workers take other jobs.`,
  risk: 'Those jobs stand still until somebody calls tidemark.resume_job(id).',
});

const ofTenant = (tenant: string) => (tenant === '' ? '' : ` of ${tenant}`);
