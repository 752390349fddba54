import { type HeldConnection, type PoolStats, redactStatement } from '@tidemark/contracts';
import type { PooledConnection } from '../connection/connection.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import type { LeaseClass, RunTimes } from '../statements/run-times.ts';
import type { Client, Holder, SessionReset } from '../types.ts';
import type { PoolMeter } from './meter.ts';
import type { PoolOptions } from './options.ts';

interface Asked {
  readonly holder: Holder | undefined;
  readonly client: Client | undefined;
  readonly times: RunTimes | undefined;
  readonly leaseClass: LeaseClass;
}

/** A statement shown in a finding needs no more. */
const MAX_SHOWN_LENGTH = 300;

/** Frames of this package and of Node. */
const OWN_FRAMES = /[/\\](?:packages[/\\]db|@tidemark[/\\]db)[/\\](?:src|dist)|node:|node_modules/;

export class Lease {
  readonly connection: PooledConnection;
  readonly holder: Holder;
  readonly since: number;
  readonly client: Client | undefined;
  readonly times: RunTimes | undefined;
  leaseClass: LeaseClass;
  trace: Error | undefined;
  statement: string | undefined;
  /** A pipeline holds it: busy while it has pending reads, and never a leak. */
  shared = false;
  isFruitless = false;
  /** The session is reset when the lease is given back. */
  resetAfter: SessionReset = false;
  #isReported = false;

  constructor(connection: PooledConnection, since: number, { holder = {}, client, times, leaseClass }: Asked) {
    this.connection = connection;
    this.holder = holder;
    this.since = since;
    this.client = client;
    this.times = times;
    this.leaseClass = leaseClass;
  }

  get text(): string | undefined {
    return this.holder.statement ?? this.statement;
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

  get isLeaked(): boolean {
    return this.#isReported;
  }

  /** The file and line that took it, outside of this package; null where no stack was kept. */
  get place(): string | null {
    const frame = this.trace?.stack?.split('\n').find((line) => /^ {4}at /.test(line) && !OWN_FRAMES.test(line));
    return frame === undefined ? null : (/([^\s(]+):\d+\)?$/.exec(frame)?.[1] ?? null);
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
    const statement = this.text;
    return statement === undefined ? this.holder : { ...this.holder, statement: redactStatement(statement) };
  }
}

/** Describes the lease that is held for longest, and counts those that run the same statement. */
export function longestLease(leases: Iterable<Lease>, now: number): Pick<PoolStats, 'longest'> {
  let longest: Lease | undefined;
  for (const lease of leases) if (!lease.shared && lease.since < (longest?.since ?? now)) longest = lease;
  if (longest === undefined) return {};
  const { connection, since, holder, text } = longest;
  let same = 0;
  for (const lease of leases) if (lease === longest || (text !== undefined && lease.text === text)) same++;
  const statement = text === undefined ? null : redactStatement(text.slice(0, MAX_SHOWN_LENGTH));
  return { longest: { pid: connection.pid, heldMs: now - since, route: holder.route ?? null, statement, same } };
}

/** Describes the leaks that are held now: the oldest, and how many there are. */
export function leaks(leases: Iterable<Lease>, now: number): Pick<PoolStats, 'leak'> {
  let oldest: Lease | undefined;
  let count = 0;
  for (const lease of leases) {
    if (!lease.isLeaked || lease.shared) continue;
    count++;
    if (oldest === undefined || lease.since < oldest.since) oldest = lease;
  }
  if (oldest === undefined) return {};
  const { connection, since, holder, place } = oldest;
  const heldMs = now - since;
  return {
    leak: {
      count,
      pid: connection.pid,
      heldMs,
      since: Math.round(Date.now() - heldMs),
      route: holder.route ?? null,
      place,
    },
  };
}
