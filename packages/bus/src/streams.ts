/** Only the service that writes a stream creates and updates it: the relay the changes, the batch service the work. */
import { DiscardPolicy, type JetStreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { Subjects } from '@tidemark/contracts';
import { errors } from './errors.ts';

interface Replicated {
  replicas?: number;
}

export interface ChangesLimits extends Replicated {
  /** Bytes of changes kept for resuming subscribers; the oldest are deleted first. */
  maxBytes?: number;
  maxAgeMs?: number;
}

export interface WorkLimits extends Replicated {
  /** Bytes of queued work. When the queue is full, publishing is refused and the planner waits. */
  maxBytes?: number;
}

/** One hour, 1 GiB: a subscriber that was away for an hour resumes, one that was away for a day resyncs. */
const CHANGES_MAX_AGE_MS = 60 * 60 * 1_000;
const CHANGES_MAX_BYTES = 1024 ** 3;
/** A message refers to a chunk in about 120 bytes, so this is room for half a million; the planner queues far fewer. */
const WORK_MAX_BYTES = 64 * 1024 ** 2;
/** A reference to a chunk is far smaller. */
const WORK_MAX_MESSAGE_BYTES = 1_024;
/** JetStream recognises a message published again after a lost acknowledgement; longer than any reconnect of a planner. */
const WORK_DUPLICATE_WINDOW_MS = 2 * 60 * 1_000;

/** NATS keeps each id this long, needlessly here: at 20,000 a second, two minutes would take half a gigabyte. */
const CHANGES_DUPLICATE_WINDOW_MS = 2_000;

const nanos = (ms: number) => ms * 1_000_000;

export async function ensureChangesStream(
  jsm: JetStreamManager,
  subjects: Subjects,
  limits: ChangesLimits,
): Promise<void> {
  await ensure(jsm, {
    name: subjects.streams.changes,
    subjects: [subjects.allChanges],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: limits.maxBytes ?? CHANGES_MAX_BYTES,
    max_age: nanos(limits.maxAgeMs ?? CHANGES_MAX_AGE_MS),
    duplicate_window: nanos(CHANGES_DUPLICATE_WINDOW_MS),
    allow_direct: true,
    ...(limits.replicas && { num_replicas: limits.replicas }),
  });
}

export async function ensureWorkStream(jsm: JetStreamManager, subjects: Subjects, limits: WorkLimits): Promise<void> {
  await ensure(jsm, {
    name: subjects.streams.work,
    subjects: [subjects.allWork],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: limits.maxBytes ?? WORK_MAX_BYTES,
    max_msg_size: WORK_MAX_MESSAGE_BYTES,
    duplicate_window: nanos(WORK_DUPLICATE_WINDOW_MS),
    allow_direct: true,
    ...(limits.replicas && { num_replicas: limits.replicas }),
  });
}

/** JetStream's error code of a missing stream; the service that writes the stream creates it when it starts. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
export const isMissingStream = (error: unknown): boolean => (error as { code?: unknown }).code === STREAM_NOT_FOUND;
export const isMissingConsumer = (error: unknown): boolean => (error as { code?: unknown }).code === CONSUMER_NOT_FOUND;

type Wanted = Parameters<JetStreamManager['streams']['add']>[0];

/** `add` is idempotent for an equal configuration; a stream with a different one is updated. */
async function ensure(jsm: JetStreamManager, wanted: Wanted): Promise<void> {
  try {
    await jsm.streams.add(wanted);
  } catch (first) {
    try {
      await jsm.streams.update(wanted.name as string, wanted);
    } catch (cause) {
      throw errors.STREAM_REFUSED(
        { stream: String(wanted.name), reason: `${message(first)}; ${message(cause)}` },
        { cause },
      );
    }
  }
}

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));
