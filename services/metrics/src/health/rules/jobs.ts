/** Jobs that wait too long, miss their deadline, or have items that failed for good. */
import { literal } from '@tidemark/db';
import type { JobProblem } from '../../collectors/job-problems.ts';
import type { Finding, Remedy } from '../finding.ts';
import { displayName, type SystemState, seconds } from '../system-state.ts';

/** A worker is idle for a moment between two chunks, so that all of them are busy is told from the mean of a minute. */
const BUSY_WINDOW_S = 60;
/** An instance that has been seen for less has just started. */
const MIN_SPAN_MS = 50_000;

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

function* waiting(problems: readonly JobProblem[], state: SystemState): Generator<Finding> {
  const { live, thresholds } = state;
  const workers = live.flatMap(({ key, telemetry }) =>
    telemetry.workers ? [{ key, name: displayName(telemetry), ...telemetry.workers }] : [],
  );
  if (workers.length === 0 || workers.some((one) => !(meanBusy(one.key, state) >= thresholds.busyShare * one.threads)))
    return;
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
      message: `${count} chunks of ${priority} priority wait, the oldest for ${seconds(waited * 1_000)} (job ${job}, ${kind}${ofTenant(tenant)}); all ${threads} workers have been busy for a minute${busiest ? `; ${busiest.count} of the chunks that run are ${busiest.kind}${ofTenant(busiest.tenant)} (job ${busiest.job})` : ''}`,
      hint: 'Start another batch instance, or give the job that fills the workers a lower priority.',
      remedies: busiest ? [pauseJobs(busiest)] : [],
    };
  }
}

/** The mean of the busy workers of an instance over the last minute; NaN until there is one. */
function meanBusy(key: string, { history }: SystemState): number {
  const name = `workers.busy@${key}`;
  const { at = [], series } = history?.read([name], BUSY_WINDOW_S) ?? {};
  const known = (series?.[name] ?? []).flatMap((busy, index) =>
    busy === null ? [] : { busy, at: at[index] as number },
  );
  const spanMs = (known.at(-1)?.at ?? 0) - (known[0]?.at ?? 0);
  return spanMs < MIN_SPAN_MS ? Number.NaN : known.reduce((sum, { busy }) => sum + busy, 0) / known.length;
}

const pauseJobs = ({ kind, tenant }: JobProblem): Remedy => ({
  sql: `select tidemark.pause_job(id) from tidemark.jobs where kind = ${literal(kind)} and tenant = ${literal(tenant)} and state in ('queued', 'planning', 'running')`,
  effect: `What runs of ${kind}${ofTenant(tenant)} ends, nothing more of it starts, and the workers take other jobs.`,
  risk: 'Those jobs stand still until somebody calls tidemark.resume_job(id).',
});

const ofTenant = (tenant: string) => (tenant === '' ? '' : ` of ${tenant}`);
