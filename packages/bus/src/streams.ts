/**
 * The two JetStream streams. Who writes a stream creates it and brings its limits up to date: the relay the stream of changes,
 * the batch service the queue of work. Nobody else may.
 */
import { DiscardPolicy, type JetStreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { Subjects } from '@tidemark/contracts';
import { errors } from './errors.ts';

interface Replicated {
  /** Copies of the stream in a cluster; absent or 0: one, or as many as it has. */
  replicas?: number;
}

export interface ChangesLimits extends Replicated {
  /** Bytes of changes kept for resuming subscribers; the oldest go first. */
  maxBytes?: number;
  /** Age of changes kept for resuming subscribers, ms. */
  maxAgeMs?: number;
}

export interface WorkLimits extends Replicated {
  /** Bytes of queued work; a publisher is refused when it is full (the planner then waits). */
  maxBytes?: number;
}

/** An hour and 1 GiB: a laptop that slept over lunch resumes; a day's absence resyncs. */
const CHANGES_MAX_AGE_MS = 60 * 60 * 1_000;
const CHANGES_MAX_BYTES = 1024 ** 3;
/** A message points at a chunk in about 120 bytes, so this holds half a million; the planner's window keeps far fewer. */
const WORK_MAX_BYTES = 64 * 1024 ** 2;
/** Anything larger is no pointer at a chunk. */
const WORK_MAX_MESSAGE_BYTES = 1_024;
/** Publishing again after a lost acknowledgement must be recognised: longer than any reconnect that a planner rides out. */
const DUPLICATE_WINDOW_MS = 2 * 60 * 1_000;

/**
 * The relay's messages each name the one before, so none can come twice; NATS still keeps each id for this long, and at 20,000 a
 * second two minutes of them would be half a gigabyte.
 */
const CHANGES_WINDOW_MS = 2_000;

const nanos = (ms: number) => ms * 1_000_000;

/** @throws BUS_STREAM_REFUSED */
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
    duplicate_window: nanos(CHANGES_WINDOW_MS),
    allow_direct: true,
    ...(limits.replicas && { num_replicas: limits.replicas }),
  });
}

/** @throws BUS_STREAM_REFUSED */
export async function ensureWorkStream(jsm: JetStreamManager, subjects: Subjects, limits: WorkLimits): Promise<void> {
  await ensure(jsm, {
    name: subjects.streams.work,
    subjects: [subjects.allWork],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: limits.maxBytes ?? WORK_MAX_BYTES,
    max_msg_size: WORK_MAX_MESSAGE_BYTES,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    allow_direct: true,
    ...(limits.replicas && { num_replicas: limits.replicas }),
  });
}

/** JetStream's error code of a stream that is not there (yet): the service that writes it makes it at its start. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
export const isMissingStream = (error: unknown): boolean => (error as { code?: unknown }).code === STREAM_NOT_FOUND;
export const isMissingConsumer = (error: unknown): boolean => (error as { code?: unknown }).code === CONSUMER_NOT_FOUND;

type Wanted = Parameters<JetStreamManager['streams']['add']>[0];

/** `add` is idempotent for an equal configuration; a stream with another one is updated. */
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
