/** The exclusive use of a connection, and the watch over how long it is held. */

import type { PooledConnection } from '../connection/connection.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { redactStatement } from '../sql/redact.ts';
import type { Client, Holder } from '../types.ts';
import type { PoolMeter } from './meter.ts';
import type { PoolOptions } from './options.ts';

export class Lease {
  readonly connection: PooledConnection;
  readonly holder: Holder;
  /** By performance.now(). */
  readonly since: number;
  /** For whom it is held; undefined: for the service itself. */
  readonly client: Client | undefined;
  /** Where it was asked for (lease-trace.ts); undefined for what cannot leak. */
  trace: Error | undefined;
  /** The last one that was sent on it in a transaction: where a leak stands. */
  statement: string | undefined;
  /** Held by a pipeline: busy when it has pending reads, and never a leak. */
  shared = false;
  /** What ran on it was cut off, or its answer refused. */
  isFruitless = false;
  #isReported = false;

  constructor(connection: PooledConnection, holder: Holder, since: number, client?: Client) {
    this.connection = connection;
    this.holder = holder;
    this.since = since;
    this.client = client;
  }

  /** Reports a lease that is held for too long, once; takes it back when the pool is told to. */
  check(pool: string, options: PoolOptions, meter: PoolMeter, observe: (event: DbEvent) => void, now: number): void {
    if (this.shared) return;
    const { leakThresholdMs, leakReclaimMs } = options;
    const heldMs = now - this.since;
    if (leakThresholdMs > 0 && heldMs > leakThresholdMs && !this.#isReported) {
      this.#isReported = true;
      meter.leaksTotal++;
      const statement = this.holder.statement ?? this.statement;
      const holder = statement === undefined ? this.holder : { ...this.holder, statement: redactStatement(statement) };
      observe({ type: 'db.leak', pool, heldMs, holder, stack: this.trace?.stack });
    }
    if (leakReclaimMs > 0 && heldMs > leakReclaimMs) {
      this.connection.discard(errors.LEASE_RECLAIMED({ pool, ms: heldMs }));
    }
  }
}
