import { redactStatement } from '@tidemark/contracts';
import type { PooledConnection } from '../connection/connection.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import type { Client, Holder } from '../types.ts';
import type { PoolMeter } from './meter.ts';
import type { PoolOptions } from './options.ts';

export class Lease {
  readonly connection: PooledConnection;
  readonly holder: Holder;
  readonly since: number;
  readonly client: Client | undefined;
  trace: Error | undefined;
  statement: string | undefined;
  /** A pipeline holds it: busy while it has pending reads, and never a leak. */
  shared = false;
  isFruitless = false;
  #isReported = false;

  constructor(connection: PooledConnection, holder: Holder, since: number, client?: Client) {
    this.connection = connection;
    this.holder = holder;
    this.since = since;
    this.client = client;
  }

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
