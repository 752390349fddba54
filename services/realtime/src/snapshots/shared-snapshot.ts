/** Serves all subscriptions to a topic within a second. Its visibility makes it exact for each of them. */
import type { Lsn } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { SnapshotVisibility } from './snapshot-visibility.ts';

export interface TakenSnapshot {
  visibility: SnapshotVisibility;
  takenAt: number;
  /** Position at or after which it was taken: that of the facts of its subscription. */
  from: Lsn;
  /** Frames of the pages; undefined where they were too large to keep. */
  frames: Buffer[] | undefined;
  release(): void;
  /** The client received this position with the snapshot; where undefined, it does later (settle-snapshot.ts). */
  place: Lsn | undefined;
  /** The envelopes that the snapshot lacks are read once for all subscriptions. */
  lacking: Promise<ChangeEnvelope[] | { reason: string }> | undefined;
}

/** Resolves to undefined where the snapshot failed. */
export type SharedSnapshot = Promise<TakenSnapshot | undefined>;

export const SHARED_MAX_AGE_MS = 1_000;
export const SHARED_MAX_BYTES = 1_048_576;
