/** What the service and its threads say to each other. Everything here crosses by structured clone. */
import type { FileStoreOptions } from '@tidemark/files';
import type { InstanceLimits, Item } from '../kinds/job-kind.ts';

/** An item that is ready to run: the service has asked, with the job's rights, where its file is. */
export interface ReadyItem extends Item<unknown> {
  /** Where the file store has the item's file; null where its input is no file. */
  key: string | null;
  /** The `sub` of the file's owner, whom the output of a job without an owner belongs to. */
  owner: string | null;
}

export interface Task {
  job: string;
  kind: string;
  spec: unknown;
  item: ReadyItem;
}

/** Where a thread loads a kind from. */
export interface KindModule {
  name: string;
  url: string;
}

export interface WorkerData {
  kinds: KindModule[];
  store: FileStoreOptions;
  /** For reading an input and for storing a result, each. */
  storeTimeoutMs: number;
  limits: InstanceLimits;
}

export type ToWorker =
  | { type: 'run'; task: Task }
  /** The memory that the thread asked for is its own now. */
  | { type: 'admitted' }
  /** There will be no memory: the item needs more than there is, or its job was cancelled. */
  | { type: 'refused'; failure: Failure };

export type FromWorker =
  /** The item needs so many bytes of memory; its time stands still until the answer. */
  { type: 'admit'; bytes: number } | { type: 'done'; outcome: Outcome };

export interface StoredFile {
  key: string;
  sha256: string;
  size: number;
  contentType: string;
  extension: string;
  metadata: Record<string, unknown>;
}

export interface Success {
  files: StoredFile[];
  /** JSON text that Postgres can store. */
  value: string;
}

export interface Failure {
  code: string;
  message: string;
  hint: string | null;
  /** 'postpone': the surroundings failed (disk, store), so the item runs again and loses no attempt. */
  next: 'fail' | 'retry' | 'postpone';
  /** What the kind asks for in place of the usual delay. */
  retryAfterMs?: number;
  /** For the log alone: stacks name hosts and folders. */
  detail?: string;
}

export type Outcome = Success | { failure: Failure };
