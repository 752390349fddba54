/** Messages between the service and its worker processes, by structured clone. */
import type { FileStoreOptions } from '@tidemark/files';
import type { InstanceLimits, Item, StoredFile } from '../kinds/job-kind.ts';

/** An item that is ready to run: the service has found its file with the rights of the job. */
export interface ReadyItem extends Item<unknown> {
  key: string | null;
  /** The `sub` of the file's owner, who owns the output of a job without an owner. */
  owner: string | null;
}

export interface Task {
  job: string;
  kind: string;
  spec: unknown;
  item: ReadyItem;
  /** Runs this step of the kind instead of the item. */
  step?: { name: string; given: unknown };
  /** The input, where no file has it. */
  bytes?: Buffer;
  /** Returns the outputs, at most this many bytes, instead of storing them. */
  inlineBytes?: number;
}

export interface KindModule {
  name: string;
  url: string;
}

export interface WorkerData {
  kinds: KindModule[];
  store: FileStoreOptions;
  /** Time limit in ms for reading an input, and for storing a result. */
  storeTimeoutMs: number;
  limits: InstanceLimits;
}

/** `id` tells the tasks of a process apart: one may start while the outputs of another one are stored. */
export type ToWorker =
  /** An item that needs at most `grantedBytes` of memory need not ask. */
  | { type: 'run'; id: number; task: Task; grantedBytes: number }
  /** Sample the processor or allocations, also while a task runs. */
  | { type: 'profile'; what: 'cpu' | 'heap'; seconds: number }
  /** The signal of the task is aborted; the process is killed soon after. */
  | { type: 'stop'; id: number }
  | { type: 'admitted'; id: number }
  /** The memory will not become available: the item needs more than the limit, or its job was cancelled. */
  | { type: 'refused'; id: number; failure: Failure };

export type FromTask =
  /** The item needs this many bytes of memory instead of the granted ones; its time limit is suspended until the reply. */
  | { type: 'admit'; id: number; bytes: number }
  /** Only its outputs are left to store, for which the processor has little to do: the next task may start. */
  | { type: 'computed'; id: number }
  /** `residentBytes` are without those that were admitted for other tasks. */
  | { type: 'done'; id: number; outcome: Outcome; residentBytes: number };

export type FromWorker =
  | { type: 'ready' }
  | { type: 'profile'; profile: object; problem?: undefined }
  | { type: 'profile'; profile?: undefined; problem: string }
  | FromTask;

export interface Success {
  files: StoredFile[];
  /** JSON text that Postgres can store. */
  value: string;
  /** The result of a step. */
  output?: unknown;
  /** Outputs that are not stored. */
  inline?: InlineFile[];
}

interface InlineFile {
  bytes: Buffer;
  contentType: string;
}

export interface Failure {
  code: string;
  message: string;
  hint: string | null;
  /** HTTP status for who asked at once. */
  status?: number;
  /**
   * 'postpone': the environment failed (disk, store), so the item runs again without losing an attempt. 'throttle': the same,
   * when the target of the chunk accepts calls again.
   */
  next: 'fail' | 'retry' | 'postpone' | 'throttle';
  retryAfterMs?: number;
  /** JSON text that Postgres can store. */
  value?: string;
  /** Only for the log, because stacks contain hosts and folders. */
  detail?: string;
}

export type Outcome = Success | { failure: Failure };
