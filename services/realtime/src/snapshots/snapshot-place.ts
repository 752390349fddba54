/** Finds the place in the WAL that corresponds to a snapshot, which sees transactions by their xids. */
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
 * Returns the position up to which the snapshot holds every transaction. It may lack later ones that are in the WAL already, since a
 * commit is written before it is visible.
 * @param from `lsn` is the upper limit; the snapshot is known to hold everything up to `sequence`
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
 * Returns the position up to which the snapshot holds everything, and after which nothing. Undefined where it is not known (the feed
 * is behind, or the ring has moved on), and where there is none: the snapshot holds a transaction and lacks an earlier one.
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
