/** The policy of the role `ops` shows every job. */
import type { Identity } from '@tidemark/db';
import type { HealthAnswer } from '../health/answer.ts';
import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';

export interface Jobs {
  queued: number;
  /** Includes jobs in the state `planning`. */
  running: number;
  active: HealthAnswer['activeJobs'];
}
export interface FinishedJobs {
  finishedLastHour: number;
  failedLastHour: number;
}

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 3_000;
/** Counting finished jobs reads the table, and a figure over one hour need not be counted each second. */
const FINISHED_INTERVAL_MS = 10_000;
const MAX_ACTIVE = 20;
const OPS: Identity = { role: 'ops', claims: '{"role":"ops"}' };

const COUNTS = `
select count(*) filter (where state = 'queued')::int as queued,
  count(*) filter (where state in ('planning', 'running'))::int as running
from tidemark.jobs where state in ('queued', 'planning', 'running')`;

const ACTIVE = `
select id::text, kind, state, priority, total, done, failed,
  (extract(epoch from created_at) * 1000)::float8 as "createdAt",
  (extract(epoch from started_at) * 1000)::float8 as "startedAt"
from tidemark.jobs where state in ('queued', 'planning', 'running')
order by state = 'queued', created_at limit ${MAX_ACTIVE}`;

const FINISHED = `
select count(*)::int as finished, count(*) filter (where state in ('failed', 'partly_failed'))::int as failed
from tidemark.jobs where finished_at > now() - interval '1 hour'`;

export function jobs(postgres: PostgresConnection): CollectorDefinition<Jobs> {
  return {
    name: 'jobs',
    intervalMs: INTERVAL_MS,
    rests: true,
    timeoutMs: TIMEOUT_MS,
    collect: async () =>
      postgres.admin().transaction(
        async (tx) => {
          const [[counts], active] = await Promise.all([
            tx.query(COUNTS),
            tx.query<HealthAnswer['activeJobs'][number]>(ACTIVE),
          ]);
          return { queued: counts?.queued, running: counts?.running, active: [...active] };
        },
        { identity: OPS, readOnly: true, holder: { route: 'collector jobs' } },
      ),
  };
}

export function finishedJobs(postgres: PostgresConnection): CollectorDefinition<FinishedJobs> {
  return {
    name: 'finished jobs',
    intervalMs: FINISHED_INTERVAL_MS,
    rests: true,
    timeoutMs: TIMEOUT_MS,
    collect: async () =>
      postgres.admin().transaction(
        async (tx) => {
          const [row] = await tx.query(FINISHED);
          return { finishedLastHour: row?.finished, failedLastHour: row?.failed };
        },
        { identity: OPS, readOnly: true, holder: { route: 'collector finished jobs' } },
      ),
  };
}
