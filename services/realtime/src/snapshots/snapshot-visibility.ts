/**
 * Which transactions a subscriber still has to be given, after a snapshot or a position. Pure.
 *
 * A snapshot sees a transaction by its xid, not by its place in the WAL: on the primary a commit is in the WAL before it
 * becomes visible. So from the primary, the snapshot's own list of running transactions decides, for everything recent.
 * A snapshot of a standby has no such list (Postgres leaves it empty there), but a standby shows transactions in the order
 * of the WAL: what ends up to the replay position read BEFORE is seen, what began after is not.
 */
import type { Lsn } from '@tidemark/contracts';

/** pg_current_snapshot(), 64-bit. */
export interface XidSnapshot {
  xmin: bigint;
  xmax: bigint;
  running: ReadonlySet<bigint>;
}

export type Visibility =
  /** Everything that comes. */
  | { kind: 'open' }
  /** A resumed position: what is behind it, from inside its transaction. */
  | { kind: 'position'; lsn: Lsn; index: number }
  /** Taken on the primary; nothing that ends above `until` is in it, and everything that ends up to `after` is. */
  | { kind: 'primary'; snapshot: XidSnapshot; after: Lsn; until: Lsn }
  /**
   * Taken on a standby between the replay positions `after` and `until`. `snapshot` has the xmin of before and the xmax of
   * after. A transaction that ends between and that neither decides may be in it or not: it is given (its changes carry
   * whole rows, so the end is the same), and `undecided` tells it.
   */
  | { kind: 'standby'; snapshot: XidSnapshot; after: Lsn; until: Lsn };

export type SnapshotVisibility = Visibility & { kind: 'standby' | 'primary' };
export type SubscriptionVisibility = Visibility & { kind: 'open' | 'position' };

/** As the index of a position: everything in its transaction. */
export const WHOLE = 0xffff_ffff;

export interface Transaction {
  lsn: Lsn;
  /** 32-bit. */
  xid: number;
}

/** A number: the index of the last change of the transaction that was seen. */
export type Seen = 'all' | 'none' | number;

export function seenThrough(visibility: Visibility, transaction: Transaction): Seen {
  switch (visibility.kind) {
    case 'open':
      return 'none';
    case 'position':
      if (transaction.lsn > visibility.lsn) return 'none';
      return transaction.lsn < visibility.lsn || visibility.index === WHOLE ? 'all' : visibility.index;
    case 'primary':
      if (transaction.lsn > visibility.until) return 'none';
      return visible(visibility.snapshot, transaction.xid) ? 'all' : 'none';
    case 'standby':
      if (transaction.lsn <= visibility.after) return 'all';
      return widen(transaction.xid, visibility.snapshot.xmax) < visibility.snapshot.xmin ? 'all' : 'none';
  }
}

/** Whether the snapshot of a standby may or may not hold this transaction. */
export function undecided(visibility: Visibility, transaction: Transaction): boolean {
  if (visibility.kind !== 'standby') return false;
  if (transaction.lsn <= visibility.after || transaction.lsn > visibility.until) return false;
  const xid = widen(transaction.xid, visibility.snapshot.xmax);
  return xid >= visibility.snapshot.xmin && xid < visibility.snapshot.xmax;
}

/** No transaction that ends above `lsn` is held back, so the visibility may be forgotten. */
export function passed(visibility: SubscriptionVisibility, lsn: Lsn): boolean {
  return visibility.kind === 'open' || lsn > visibility.lsn;
}

export function visible(snapshot: XidSnapshot, xid: number): boolean {
  const full = widen(xid, snapshot.xmax);
  if (full < snapshot.xmin) return true;
  return full < snapshot.xmax && !snapshot.running.has(full);
}

const EPOCH = 1n << 32n;
const HALF = 1n << 31n;

/** The 64-bit transaction id with these low 32 bits that is nearest to `near`: running ones are never 2^31 apart. */
export function widen(xid: number, near: bigint): bigint {
  let full = (near & ~(EPOCH - 1n)) | BigInt(xid >>> 0);
  if (full - near > HALF) full -= EPOCH;
  else if (near - full > HALF) full += EPOCH;
  return full;
}

/** `753:756:753,754` → @throws SyntaxError where it is none */
export function parseXidSnapshot(text: string): XidSnapshot {
  const [xmin = '', xmax = '', running = ''] = text.split(':');
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  };
}
