/** Connections whose server owes an answer for too long: they are taken for gone. */
import { errors } from './errors.ts';
import type { Lease } from './lease.ts';
import type { Slot } from './slot.ts';
import type { DbEvent } from './types.ts';

/** How long a server may take to answer a goodbye. */
const CLOSING_MOST_MS = 2_000;

interface Owner {
  readonly name: string;
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
  const ms = now - (lease?.since ?? slot.idleSince);
  pool.observe({ type: 'db.statement_overrun', pool: pool.name, ms, holder: lease?.holder ?? {} });
  slot.discard(errors.STATEMENT_OVERRUN({ pool: pool.name, ms }));
}
