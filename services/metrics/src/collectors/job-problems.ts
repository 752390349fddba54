/** Reads tidemark.job_problems(): chunks that wait, jobs past their deadline, dead letters. */
import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';

export interface JobProblem {
  /** `busy`: the chunks of one kind and tenant that run now; `waiting`: those that wait, by priority. */
  problem: 'waiting' | 'busy' | 'overdue' | 'dead';
  kind: string;
  tenant: string;
  priority: 'high' | 'normal' | 'low';
  /** The oldest of them. */
  job: string;
  seconds: number;
  count: number;
}

const INTERVAL_MS = 10_000;
const TIMEOUT_MS = 3_000;
const PROBLEMS = `
select problem, kind, tenant, priority, job::text, seconds, count from tidemark.job_problems()`;

export function jobProblems(postgres: PostgresConnection): CollectorDefinition<JobProblem[]> {
  const options = { holder: { route: 'collector job problems' } };
  return {
    name: 'job problems',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    collect: async () => [
      ...(await postgres.admin().query<JobProblem & Record<string, unknown>>(PROBLEMS, [], options)),
    ],
  };
}
