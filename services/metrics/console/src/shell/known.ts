/** Loads what the search looks through. It is asked for while the search is open, and kept for the next time. */
import { GATEWAY } from '../live/api.ts';
import { useAnswer } from '../live/use-answer.ts';
import type { Known } from './find.ts';

const EVERY_MS = 30_000;
/** The newest jobs; an id of another one is found all the same. */
const JOBS = 'rest/v1/jobs?select=id,kind,state&order=created_at.desc&limit=200';
const TIDEMARK_SCHEMA = { 'accept-profile': 'tidemark' };

export function useKnown(open: boolean): Known {
  const of = <T>(path: string, headers: Record<string, string> = {}) =>
    useAnswer<T>(open ? path : undefined, { everyMs: EVERY_MS, headers }).value;
  const tables = of<Pick<Known, 'tables'>>('database/tables?limit=500');
  const statements = of<Pick<Known, 'statements'>>('queries/servers?limit=200');
  const live = of<Pick<Known, 'subscriptions'>>('live?limit=200');
  const processes = of<Pick<Known, 'processes'>>('processes');
  const pools = of<Pick<Known, 'held'>>('database/pools?limit=200');
  const jobs = of<Known['jobs']>(`${GATEWAY}${JOBS}`, TIDEMARK_SCHEMA);
  return {
    tables: tables?.tables ?? [],
    statements: statements?.statements ?? [],
    subscriptions: live?.subscriptions ?? [],
    processes: processes?.processes ?? [],
    held: pools?.held ?? [],
    jobs: jobs ?? [],
  };
}
