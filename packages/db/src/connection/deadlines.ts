/** What a pool looks after from time to time: answers that are overdue, leases that are held for long, slots that nobody needs. */
import { errors } from '../errors.ts';
import type { Lease } from '../pool/lease.ts';
import { LONG_HELD_MS } from '../pool/limit.ts';
import type { PoolMeter } from '../pool/meter.ts';
import type { Slot } from './connection.ts';
import type { DbEvent, PoolOptions } from '../types.ts';

/** How long a server may take to answer a goodbye. */
const CLOSING_MOST_MS = 2_000;

interface Owner {
  readonly name: string;
  readonly options: PoolOptions;
  readonly meter: PoolMeter;
  readonly observe: (event: DbEvent) => void;
}

export function endUnanswered(pool: Owner, slots: Iterable<Slot>, leases: Iterable<Lease>, now: number): void {
  for (const slot of [...slots]) {
    if (slot.isOverdue(now)) overrun(pool, slot, leases, now);
    else if (slot.state === 'closing' && now - slot.idleSince > CLOSING_MOST_MS) {
      slot.discard(errors.CONNECT_FAILED({ server: pool.name, reason: 'no answer to the goodbye' }));
    }
  }
}

function overrun(pool: Owner, slot: Slot, leases: Iterable<Lease>, now: number): void {
  let lease: Lease | undefined;
  for (const candidate of leases) if (candidate.slot === slot) lease = candidate;
  // On a lane it is the rider, and not who opened the lane.
  const { holder, sentAt } = slot.oldest ?? {};
  const ms = now - (holder === undefined ? (lease?.since ?? slot.idleSince) : sentAt!);
  pool.observe({ type: 'db.statement_overrun', pool: pool.name, ms, holder: holder ?? lease?.holder ?? {} });
  slot.discard(errors.STATEMENT_OVERRUN({ pool: pool.name, ms }));
}

/** Reports leaks. @returns how many leases the pool's limit leaves out */
export function checkLeases(pool: Owner, leases: Iterable<Lease>, now: number): number {
  let uncounted = 0;
  for (const lease of leases) {
    lease.check(pool.name, pool.options, pool.meter, pool.observe, now);
    if (lease.shared || now - lease.since > LONG_HELD_MS) uncounted++;
  }
  return uncounted;
}

/** `idle` has the longest idle in front; `open` counts all slots of the pool. */
export function closeSpare(idle: Slot[], open: number, options: PoolOptions, now: number): void {
  let left = open;
  for (let slot = idle[0]; slot !== undefined; slot = idle[0]) {
    const isSpare = now - slot.idleSince > options.idleTimeoutMs && left > options.min;
    if (!isSpare && now <= slot.retireAt) return;
    idle.shift();
    left--;
    slot.idleSince = now;
    slot.close();
  }
}
