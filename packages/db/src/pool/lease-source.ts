import type { AnswerBudget } from '../connection/answer-budget.ts';
import type { StatementWatch } from '../connection/cancel-when-gone.ts';
import type { Rest } from '../connection/connection.ts';
import type { StatementStatsRegistry } from '../statements/registry.ts';
import type { RunTimes } from '../statements/run-times.ts';
import type { QueryOptions } from '../types.ts';
import type { Lease } from './lease.ts';
import type { PoolMeter } from './meter.ts';
import type { PoolOptions } from './options.ts';

export interface LeaseSource {
  readonly name: string;
  readonly options: PoolOptions;
  readonly meter: PoolMeter;
  readonly statements: StatementStatsRegistry;
  readonly answers: AnswerBudget;
  readonly isClosed: boolean;
  /** @param times those of the statement, by which a long one leaves connections for short ones; without them it is short */
  acquire(rest: Rest, options: QueryOptions, times?: RunTimes): Promise<Lease>;
  release(lease: Lease): void;
  releaseAfter(watch: StatementWatch | undefined, lease: Lease): void;
  /** Hands a lease to a pipeline, which itself tells the meter when it is busy. */
  share(lease: Lease): void;
  /** The time limit of a statement in ms, under the role if one is given; 0 is no limit. */
  statementLimit(role: string | undefined, asked: number | undefined): number;
}
