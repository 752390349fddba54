/** From what a snapshot sees, which goes by transactions, to a place in the WAL. */
import type { Lsn } from '@tidemark/contracts';
import type { ServerSnapshot } from '@tidemark/db';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import { parseXidSnapshot, type SnapshotVisibility, seenThrough, type Visibility } from './snapshot-visibility.ts';

/** @throws RT_NOT_FOLLOWING on a standby, whose snapshots list no running transactions */
export function primaryVisibility({ isStandby, lsn, text }: ServerSnapshot): SnapshotVisibility {
  if (isStandby) throw errors.NOT_FOLLOWING({ reason: 'the server that should be the primary is a standby' });
  return { kind: 'primary', snapshot: parseXidSnapshot(text), after: 0n, until: lsn };
}

/**
 * The snapshot holds everything up to here: of the transactions that this instance knows, it may lack some, which then were
 * committing while it was taken (a commit is in the WAL before it is visible).
 * @param from up to `lsn` is asked; what came up to `sequence` is known to be in it
 */
export function seenUpTo(
  feed: Feed,
  key: string,
  visibility: Visibility,
  from = { lsn: feed.lsn(), sequence: 0 },
): Lsn {
  let { lsn } = from;
  for (const envelope of feed.ring.since(key, Math.max(from.sequence, feed.ring.floor?.sequence ?? 0)) ?? []) {
    if (envelope.lsn <= lsn && seenThrough(visibility, envelope) !== 'all') lsn = envelope.lsn - 1n;
  }
  return lsn;
}

/**
 * The snapshot holds everything up to here, and nothing that ends above. Undefined where that is not known yet (the feed has
 * not got so far, or the ring has moved on), or where there is no such place: it has one transaction, and lacks an earlier one.
 */
export function exactPlace(feed: Feed, key: string, visibility: SnapshotVisibility): Lsn | undefined {
  const { floor } = feed.ring;
  if (!floor || floor.lsn > visibility.after || feed.lsn() < visibility.until) return undefined;
  let place = visibility.until;
  for (const envelope of feed.ring.since(key, floor.sequence) ?? []) {
    if (envelope.lsn > visibility.until) break;
    const isSeen = seenThrough(visibility, envelope) === 'all';
    if (isSeen && envelope.lsn > place) return undefined;
    if (!isSeen && envelope.lsn <= place) place = envelope.lsn - 1n;
  }
  return place;
}
