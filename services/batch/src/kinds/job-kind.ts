/**
 * A kind of job is one file whose default export is a `JobKind`: what its spec looks like, where its items come from and how
 * one item is run. BATCH_KINDS names the files of a team's own kinds; `examples/word-count.js` is one.
 */
import type { Identity, Transaction } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import type { Static, TSchema } from 'typebox';

export interface JobKind<Spec extends TSchema = TSchema, Input = unknown> {
  /** What `jobs.kind` says: lower case letters, digits, dots, hyphens and underscores, at most 64 characters. */
  name: string;
  /** Raise it with each change of `spec`: of two instances, the one with the higher version registers its schema. */
  version: number;
  /** A TypeBox or plain JSON schema. The gateway checks a spec before the job starts, the planner again. */
  spec: Spec;
  item: {
    /** 'file': an item's input is `{ file, name }`, a file that the job may read. 'value': any JSON. */
    input: 'file' | 'value';
    /** Whether an item that succeeds keeps its row in tidemark.job_items. One that fails always does. */
    keepsSuccesses: boolean;
  };
  limits: {
    /** Time for one item in ms; the instance's BATCH_ITEM_TIMEOUT_MS where it is shorter. */
    itemMs: number;
  };
  /** 'thread' for what computes; 'main' for what waits, such as calls of other services. */
  runsOn: 'thread' | 'main';
  /** The next inputs after the cursor, at most `limit`. The first cursor is null; a page without one is the last. */
  source(context: SourceContext<Static<Spec>>, cursor: string | null, limit: number): Promise<SourcePage<Input>>;
  /** Bytes of memory that `run` takes. The item waits until they fit BATCH_DECODED_BYTES. */
  cost(item: Item<Input>, context: ItemContext<Static<Spec>>): Promise<number> | number;
  run(item: Item<Input>, context: ItemContext<Static<Spec>>): Promise<ItemResult> | ItemResult;
  /** Runs once, in the transaction that ends the job, unless the job is cancelled. */
  finish?(tx: Transaction, job: FinishedJob<Static<Spec>>): Promise<void>;
}

export interface SourceContext<Spec> {
  spec: Spec;
  /** Whose rights the inputs are read with: those of the identity that inserted the job. */
  identity: Identity;
  files: FileRegistry;
}

export interface SourcePage<Input> {
  inputs: Input[];
  cursor: string | null;
}

export interface FileInput {
  /** Id in tidemark.files. */
  file: string;
  /** Last part of the file's path. */
  name: string;
}

export interface Item<Input> {
  /** Position in the job. */
  index: number;
  input: Input;
  /** What messages call the item: the file's name, or "item <index>". */
  name: string;
}

export interface ItemContext<Spec> {
  job: string;
  spec: Spec;
  /** The bytes of the item's file. They are read from the store once, however often this is called. */
  read(): Promise<Buffer>;
  /** Aborted when the item's time is over or the job was cancelled. */
  signal: AbortSignal;
  limits: InstanceLimits;
}

/** What this instance allows, whatever the kind. */
export interface InstanceLimits {
  inputBytes: number;
  /** width × height × pages of an image. */
  pixels: number;
  /** Time for one item. */
  itemMs: number;
}

/** `value` is JSON of at most 64 KB. `retryAfter`, in seconds, asks for another attempt after that time. */
export type ItemResult = { files?: OutputFile[]; value?: unknown } | { failure: ItemFailure; retryAfter?: number };

export interface OutputFile {
  bytes: Buffer;
  contentType: string;
  /** Without the dot: letters and digits, at most 16. */
  extension: string;
  metadata?: Record<string, unknown>;
}

export interface ItemFailure {
  code: string;
  message: string;
  hint?: string | null;
  /** Whether the cause may pass, so that the item is tried again within BATCH_MAX_ATTEMPTS. */
  retry?: boolean;
}

export interface FinishedJob<Spec> {
  id: string;
  spec: Spec;
  done: number;
  failed: number;
}

/** Returns the kind as it is; TypeScript takes the types of `run` and `source` from `spec`. */
export function defineKind<Spec extends TSchema, Input>(kind: JobKind<Spec, Input>): JobKind<Spec, Input> {
  return kind;
}
