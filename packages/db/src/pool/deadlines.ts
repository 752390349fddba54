import type { PooledConnection } from '../connection/connection.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { LONG_MS } from '../statements/run-times.ts';
import type { Lease } from './lease.ts';
import { LONG_HELD_MS } from './limit.ts';
import type { PoolMeter } from './meter.ts';
import type { PoolOptions } from './options.ts';

const MAX_CLOSING_MS = 2_000;

interface Owner {
  readonly name: string;
  readonly options: PoolOptions;
  readonly meter: PoolMeter;
  readonly observe: (event: DbEvent) => void;
}

export function endUnanswered(
  pool: Owner,
  connections: Iterable<PooledConnection>,
  leases: Iterable<Lease>,
  now: number,
): void {
  for (const connection of [...connections]) {
    if ((connection.oldest?.deadline ?? now) < now) overrun(pool, connection, leases, now);
    else if (connection.state === 'closing' && now - connection.idleSince > MAX_CLOSING_MS) {
      connection.discard(errors.CONNECT_FAILED({ server: pool.name, reason: 'no answer to the goodbye' }));
    }
  }
}

function overrun(pool: Owner, connection: PooledConnection, leases: Iterable<Lease>, now: number): void {
  let lease: Lease | undefined;
  for (const candidate of leases) if (candidate.connection === connection) lease = candidate;
  // On a pipeline the holder is that of the read, and not that of the lease.
  const { holder, sentAt } = connection.oldest ?? {};
  const ms = now - (holder === undefined ? (lease?.since ?? connection.idleSince) : sentAt!);
  pool.observe({ type: 'db.statement_overrun', pool: pool.name, ms, holder: holder ?? lease?.holder ?? {} });
  connection.discard(errors.STATEMENT_OVERRUN({ pool: pool.name, ms }));
}

/** Reports leaks and long leases. @returns the count of leases that the pool's limit leaves out */
export function checkLeases(pool: Owner, leases: Iterable<Lease>, now: number, becameLong: () => void): number {
  let uncounted = 0;
  for (const lease of leases) {
    if (lease.times !== undefined && now - lease.since > LONG_MS) {
      lease.times.overran(now);
      if (lease.leaseClass === 'short') becameLong();
      lease.leaseClass = 'long';
    }
    lease.check(pool.name, pool.options, pool.meter, pool.observe, now);
    if (lease.shared || now - lease.since > LONG_HELD_MS) uncounted++;
  }
  return uncounted;
}

/** `idle` is sorted by idle time, the longest first; `open` counts all connections of the pool. */
export function closeSpare(idle: PooledConnection[], open: number, options: PoolOptions, now: number): void {
  let left = open;
  for (let connection = idle[0]; connection !== undefined; connection = idle[0]) {
    const isSpare = now - connection.idleSince > options.idleTimeoutMs && left > options.min;
    if (!isSpare && now <= connection.retireAt) return;
    idle.shift();
    left--;
    connection.idleSince = now;
    connection.close();
  }
}
