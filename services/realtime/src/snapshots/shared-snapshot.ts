/**
 * A small snapshot serves all who subscribe to the same topic within a second: whoever comes while it is being taken waits
 * for it. Its visibility makes it exact for each of them, whenever they follow on from it.
 */
import type { Lsn } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { SnapshotVisibility } from './snapshot-visibility.ts';

export interface TakenSnapshot {
  visibility: SnapshotVisibility;
  takenAt: number;
  /** The pages' frames; undefined where they were too large to keep. */
  frames: Buffer[] | undefined;
  /** Forgets the frames, and gives back their bytes to whoever it was taken for. */
  release(): void;
  /** The client was told that it resumes behind this; undefined: it was told nothing yet (settle-snapshot.ts). */
  place: Lsn | undefined;
  /** Asked once for all who share it, where they were told nothing. */
  lacking: Promise<ChangeEnvelope[] | { reason: string }> | undefined;
}

/** Undefined where it failed: then everybody takes one of their own. */
export type SharedSnapshot = Promise<TakenSnapshot | undefined>;

/** A second of a thousand reconnecting clients is one query instead of a thousand. */
export const SHARED_MAX_AGE_MS = 1_000;
/** What one topic may hold of rows, for that second. */
export const SHARED_MAX_BYTES = 1_048_576;
