/** What is asked of a clients's processes, and what they answer. */
import type { Dialect } from './raw-socket.ts';

export interface SocketOrder {
  readonly path: string;
  readonly token?: string;
  readonly hello?: string;
}

export type CountingOrder =
  | { op: 'open'; dialect: Dialect; port: number; sockets: readonly SocketOrder[] }
  /** Counts from zero; answers when each socket has had `each` changes, or at `ms`. */
  | { op: 'count'; each: number; ms: number };

export interface Counted {
  readonly sockets: number;
  readonly changes: number;
  /** Changes of the socket with the fewest, and of the one with the most. */
  readonly least: number;
  readonly most: number;
  /** ms since 1970, with fractions. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** From `at` in the row, which the database's clock set, to here; one change in SAMPLE_EVERY. */
  readonly latenciesMs: readonly number[];
  /** Of the sockets that are read whole: changes out of order. */
  readonly disorder: number;
  readonly others: number;
  readonly firstOther: string | null;
  /** The last change, as it came. */
  readonly payload: string;
}

export type CountingReply =
  | { type: 'open' }
  | { type: 'failed'; message: string }
  | { type: 'counted'; counted: Counted };
