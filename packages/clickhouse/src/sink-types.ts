import type { Bus } from '@tidemark/bus';
import type { PoolOptions, PoolStats } from './connection-pool.ts';
import type { Observe } from './events.ts';
import type { TableName } from './source-table.ts';
import type { TableStats } from './table-follower.ts';

export interface SinkOptions {
  readonly bus: Bus;
  /** A user that reads the tables whatever their policies say: their owner, or one with BYPASSRLS. */
  readonly databaseUrl: string;
  readonly clickhouse: PoolOptions;
  readonly tables: readonly TableName[];
  readonly publication: string;
  /** Longest time that a change waits for more of its batch, ms; default 1,000. ClickHouse prefers few large inserts. */
  readonly flushMs?: number;
  readonly observe?: Observe;
}

export interface SinkStats {
  tables: TableStats[];
  connections: PoolStats;
  queuedBytes: number;
  pausesTotal: number;
  flushesTotal: number;
  /** Why nothing arrives; undefined: it does. */
  problem: string | undefined;
}

export interface Sink {
  stats(): SinkStats;
  /** Rejects when the sink cannot go on. */
  readonly ended: Promise<void>;
  /** Stores what waits, at most for some seconds. */
  stop(): Promise<void>;
}
