import type { Lsn } from '@tidemark/contracts';
import { parseXidSnapshot, type ServerSnapshot } from '@tidemark/db';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import { type SnapshotVisibility, seenThrough, type Visibility } from './snapshot-visibility.ts';

/** Throws on a standby, whose snapshots list no running transactions. */
export function primaryVisibility({ isStandby, lsn, text }: ServerSnapshot): SnapshotVisibility {
  if (isStandby) throw errors.NOT_FOLLOWING({ reason: 'the server that should be the primary is a standby' });
  return { kind: 'primary', snapshot: parseXidSnapshot(text), after: 0n, until: lsn };
}

/** The snapshot may lack later transactions of the WAL, since a commit is written before it is visible. */
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
 * Returns the position that divides what the snapshot holds from what it lacks. Undefined where it is not known (the
 * feed is behind, or the ring has moved on), and where none exists.
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
