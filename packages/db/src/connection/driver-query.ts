/**
 * Sends a statement through postgres 3.4.9 without its promise: handed over in this tick, which keeps statements contiguous
 * by construction, and answered by callback. The driver's own way takes three promises and two microtasks a statement;
 * at four statements a request that was a third of the time. These are internals (its query.js): the version is pinned.
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

/** Exactly one of the two is defined. Must not throw: it is called from inside of the driver. */
export type Answer = (rows: Rows | undefined, error: unknown) => void;

export function sendStatement(
  sql: postgres.Sql,
  { text, params }: EncodedStatement,
  preparation: Preparation,
  answer: Answer,
): void {
  // `anew` is of our patch.
  const options = { prepare: preparation !== 'alone', anew: preparation === 'anew', simple: false };
  hand(sql.unsafe(text, params as never[], options as postgres.UnsafeQueryOptions), answer);
}

/** Several statements in one text, by the simple protocol. */
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
  return (rows as Rows & { state?: { secret?: number } }).state?.secret ?? 0;
}
