import type { Eyes } from '../../eyes/eyes.tsx';
import { GATEWAY } from '../../live/api.ts';
import { type Answer, useAnswer } from '../../live/use-answer.ts';

/** The columns that an operator may read. */
export interface JobRow {
  id: string;
  kind: string;
  priority: string;
  tenant: string;
  state: string;
  total: number;
  done: number;
  failed: number;
  planned_all: boolean;
  waits_for: string | null;
  run_at: string | null;
  deadline: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export const JOB_COLUMNS = [
  ...['id', 'kind', 'priority', 'tenant', 'state', 'total', 'done', 'failed', 'planned_all', 'waits_for'],
  ...['run_at', 'deadline', 'created_at', 'started_at', 'finished_at'],
].join();

export const UNFINISHED = ['queued', 'planning', 'running', 'paused'];

/** Reads a table of the schema `tidemark` through the gateway, as the role of `eyes`. */
export function useRows<T>(eyes: Eyes, query: string | undefined, everyMs: number): Answer<T[]> {
  return useAnswer<T[]>(query && `${GATEWAY}rest/v1/${query}`, {
    everyMs,
    token: eyes.token,
    headers: { 'accept-profile': 'tidemark' },
  });
}

/** Items a second since it started; null before it has ended one. */
export function rateOf({ done, failed, started_at, finished_at }: JobRow): number | null {
  if (started_at === null || done + failed === 0) return null;
  const seconds = ((finished_at === null ? Date.now() : Date.parse(finished_at)) - Date.parse(started_at)) / 1_000;
  return seconds > 0 ? (done + failed) / seconds : null;
}

/** ms until all of its items have ended, at the rate so far. */
export function remainingMs(job: JobRow): number | null {
  const rate = rateOf(job);
  if (rate === null || job.finished_at !== null || !job.planned_all) return null;
  return ((job.total - job.done - job.failed) / rate) * 1_000;
}
