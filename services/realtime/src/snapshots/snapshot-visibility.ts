/**
 * Decides which transactions a subscriber has seen in a snapshot or before a position. Pure.
 *
 * A snapshot sees a transaction by its xid, not by its place in the WAL: on the primary, a commit is in the WAL before it becomes
 * visible. So for a snapshot of the primary, its list of running transactions decides. Postgres leaves that list empty on a standby,
 * but a standby shows transactions in the order of the WAL: a snapshot has seen the transactions that end up to the replay position
 * read BEFORE it, and none that began after it.
 */
import type { Lsn } from '@tidemark/contracts';
import { visible, widen, type XidSnapshot } from '@tidemark/db';

export type Visibility =
  | { kind: 'open' }
  /** A resumed position, which may be inside a transaction. */
  | { kind: 'position'; lsn: Lsn; index: number }
  /** It holds every transaction that ends up to `after`, and none that ends above `until`. */
  | { kind: 'primary'; snapshot: XidSnapshot; after: Lsn; until: Lsn }
  /**
   * `snapshot` has the xmin read before it and the xmax read after it. A transaction that neither decides counts as
   * not seen: receiving its whole rows twice does no harm.
   */
  | { kind: 'standby'; snapshot: XidSnapshot; after: Lsn; until: Lsn };

export type SnapshotVisibility = Visibility & { kind: 'standby' | 'primary' };
export type SubscriptionVisibility = Visibility & { kind: 'open' | 'position' };

export const WHOLE = 0xffff_ffff;

export interface Transaction {
  lsn: Lsn;
  /** 32-bit. */
  xid: number;
}

/** A number is the index of the transaction's last change that was seen. */
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

export function undecided(visibility: Visibility, transaction: Transaction): boolean {
  if (visibility.kind !== 'standby') return false;
  if (transaction.lsn <= visibility.after || transaction.lsn > visibility.until) return false;
  const xid = widen(transaction.xid, visibility.snapshot.xmax);
  return xid >= visibility.snapshot.xmin && xid < visibility.snapshot.xmax;
}

/** Returns whether every transaction that ends above `lsn` is unseen, so that the visibility need not be kept. */
export function passed(visibility: SubscriptionVisibility, lsn: Lsn): boolean {
  return visibility.kind === 'open' || lsn > visibility.lsn;
}
