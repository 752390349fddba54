import type { Dialect } from './raw-socket.ts';

export interface SocketOrder {
  readonly path: string;
  readonly token?: string;
  readonly hello?: string;
}

export type CountingOrder =
  | { op: 'open'; dialect: Dialect; url: string; sockets: readonly SocketOrder[] }
  | { op: 'count'; each: number; ms: number };

export interface Counted {
  readonly sockets: number;
  readonly changes: number;
  readonly fewest: number;
  readonly most: number;
  readonly lastAt: number;
  /** Sampled times from `at` in the row, which the database's clock sets, to the client. */
  readonly latenciesMs: readonly number[];
  readonly disorder: number;
  readonly others: number;
  readonly firstOther: string | null;
  readonly payload: string;
}

export type CountingReply =
  | { type: 'open' }
  | { type: 'failed'; message: string }
  | { type: 'counted'; counted: Counted };
