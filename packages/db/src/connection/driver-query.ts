/**
 * Sends through postgres 3.4.9 in this tick, so that statements stay contiguous. The driver's promises took a third of
 * the time of a request with four statements. These are internals (its query.js), so the version is pinned.
 */
import type postgres from 'postgres';
import type { EncodedStatement } from '../sql/param.ts';
import type { Rows } from '../types.ts';
import type { Preparation } from './prepared-texts.ts';

interface DriverQuery {
  executed: boolean;
  handler: (query: DriverQuery) => void;
  resolve: (rows: Rows) => void;
  reject: (error: unknown) => void;
}

/** Exactly one argument is defined. Must not throw: the driver calls it. */
export type Answer = (rows: Rows | undefined, error: unknown) => void;

export function sendStatement(
  sql: postgres.Sql,
  { text, params }: EncodedStatement,
  preparation: Preparation,
  answer: Answer,
): void {
  const options = { prepare: preparation !== 'alone', anew: preparation === 'anew', simple: false };
  hand(sql.unsafe(text, params as never[], options as postgres.UnsafeQueryOptions), answer);
}

export function sendScript(sql: postgres.Sql, text: string, answer: Answer): void {
  hand(sql.unsafe(text), answer);
}

function hand(pending: unknown, answer: Answer): void {
  const query = pending as DriverQuery;
  query.resolve = (rows) => answer(rows, undefined);
  query.reject = (error) => answer(undefined, error);
  query.executed = true;
  query.handler(query);
}

/** The key of a cancel request (BackendKeyData), which the driver leaves on its results. */
export function secretOf(rows: Rows): number {
  return stateOf(rows)?.secret ?? 0;
}

/** The process id that was announced with the secret. A pooler between announces one of its own. */
export function announcedPidOf(rows: Rows): number {
  return stateOf(rows)?.pid ?? 0;
}

const stateOf = (rows: Rows) => (rows as Rows & { state?: { pid?: number; secret?: number } }).state;
