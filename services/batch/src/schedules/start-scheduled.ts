import { TidemarkError } from '@tidemark/contracts';
import type { Row, Transaction } from '@tidemark/db';
import type { BatchEvent } from '../events.ts';
import { identityOf } from '../jobs/identity.ts';
import type { Missed } from './due-times.ts';
import { scheduleStatements as sql } from './schedule-statements.ts';

export interface Schedule extends Row {
  id: string;
  name: string;
  pattern: string;
  time_zone: string;
  kind: string;
  spec: unknown;
  priority: string;
  missed: Missed;
  overlap: 'skip' | 'queue' | 'allow' | 'replace';
  role: string;
  claims: string | null;
  next_at: string;
  now: string;
}

const MAX_WAITING = 100;
const TAKE_IDENTITY = `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`;
const SERVICE_AGAIN = `select set_config('role', 'none', true), set_config('request.jwt.claims', '', true)`;

/** Decides one time of a locked schedule, in its transaction. Returns what is to be observed after the commit. */
export async function startScheduled(
  tx: Transaction,
  schedule: Schedule,
  dueAt: Date,
  roles: readonly string[],
): Promise<BatchEvent | undefined> {
  const { id, name, overlap } = schedule;
  const [open] = await tx.query<{ jobs: string[]; waiting: number }>(sql.open, [id]);
  const { jobs = [], waiting = 0 } = open ?? {};
  const isTaken = jobs.length > 0 && (overlap === 'skip' || overlap === 'queue');
  const state = !isTaken ? 'started' : overlap === 'queue' && waiting < MAX_WAITING ? 'waiting' : 'skipped';
  const decided = await tx.query(sql.decide, [id, dueAt, state]);
  if (decided.length === 0) return undefined;
  if (state !== 'started') return { type: 'schedule.skipped', schedule: id, name, dueAt, state };
  await tx.query('savepoint scheduled');
  try {
    const job = await insertAsOwner(tx, schedule, overlap === 'replace' ? jobs : [], roles);
    await tx.query(SERVICE_AGAIN);
    await tx.query(sql.result, [id, dueAt, 'started', job, null]);
    return { type: 'schedule.started', schedule: id, name, dueAt, job };
  } catch (error) {
    // A shortage of the database is temporary: the transaction is given up, and the next sweep decides.
    if (!(error instanceof TidemarkError) || error.status >= 500) throw error;
    await tx.query('rollback to savepoint scheduled');
    const { code, message, hint } = error;
    await tx.query(sql.result, [id, dueAt, 'refused', null, JSON.stringify({ code, message, hint })]);
    return { type: 'schedule.refused', schedule: id, name, dueAt, code, error };
  }
}

async function insertAsOwner(
  tx: Transaction,
  schedule: Schedule,
  replaced: readonly string[],
  roles: readonly string[],
): Promise<string> {
  const { role, claims } = identityOf(schedule, roles);
  await tx.query(TAKE_IDENTITY, [role, claims]);
  if (replaced.length > 0) await tx.query(sql.cancel, [JSON.stringify(replaced)]);
  const params = [schedule.kind, JSON.stringify(schedule.spec), schedule.priority];
  const [row] = await tx.query<{ id: string }>(sql.start, params);
  return row!.id;
}
