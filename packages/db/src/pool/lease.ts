import { type HeldConnection, type PoolStats, redactStatement } from '@tidemark/contracts';
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
  /** The session is reset when the lease is given back. */
  resetAfter = false;
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
      observe({ type: 'db.leak', pool, heldMs, holder: this.#shownHolder(), stack: this.trace?.stack });
    }
    if (leakReclaimMs > 0 && heldMs > leakReclaimMs) {
      this.connection.discard(errors.LEASE_RECLAIMED({ pool, ms: heldMs }));
    }
  }

  shown(pool: string, now: number): HeldConnection {
    const { route = null, trace = null, statement = null } = this.#shownHolder();
    return {
      pool,
      pid: this.connection.pid,
      heldMs: now - this.since,
      leaked: this.#isReported,
      pipeline: this.shared,
      route,
      trace,
      statement,
      stack: this.trace?.stack ?? null,
    };
  }

  #shownHolder(): Holder {
    const statement = this.holder.statement ?? this.statement;
    return statement === undefined ? this.holder : { ...this.holder, statement: redactStatement(statement) };
  }
}

export function longestLease(leases: Iterable<Lease>, now: number): Pick<PoolStats, 'longest'> {
  let longest: Lease | undefined;
  for (const lease of leases) if (!lease.shared && lease.since < (longest?.since ?? now)) longest = lease;
  if (longest === undefined) return {};
  const { connection, since, holder } = longest;
  return { longest: { pid: connection.pid, heldMs: now - since, route: holder.route ?? null } };
}
