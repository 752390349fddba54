/**
 * A kind of job is one file whose default export is a `JobKind`: the form of its spec, the source of its items, and the function
 * that runs one item. BATCH_KINDS names the files of your own kinds; `examples/word-count.js` is one.
 */
import type { Readable } from 'node:stream';
import type { Identity, Transaction } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import type { Static, TSchema } from 'typebox';
import type { SafeHttp } from '../http/safe-http.ts';
import type { ModelServer } from '../models/model-server.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { QueriedRow } from '../tables/query-page.ts';
import type { TableQuery } from '../tables/table-query.ts';
import type { ItemResult, OutputFile, StoredFile } from './item-result.ts';

export type { FailedItem, ItemFailure, ItemResult, OutputFile, StoredFile } from './item-result.ts';

export interface JobKind<Spec extends TSchema = TSchema, Input = unknown> {
  /** The value of `jobs.kind`: lower case letters, digits, dots, hyphens and underscores, at most 64 characters. */
  name: string;
  /** Increase it with each change of `spec`: of two instances, the one with the higher version registers its schema. */
  version: number;
  /** The oldest version whose jobs this file can run; default: `version`. Jobs of other versions wait for an instance with theirs. */
  oldest?: number;
  /** A TypeBox or plain JSON schema. The gateway checks a spec before the job starts, and the planner checks it again. */
  spec: Spec;
  item: {
    /** 'file': an item's input is `{ file, name }`, a file that the job may read. 'value': any JSON. */
    input: 'file' | 'value';
    /** Keeps the rows of successful items in tidemark.job_items. Failed items always keep theirs. */
    keepsSuccesses: boolean;
  };
  limits: {
    /** Time limit of one item in ms; BATCH_ITEM_TIMEOUT_MS of the instance if it is shorter. */
    itemMs: number;
    /** True when an item is the work of a whole job, such as an export: `itemMs` then holds alone. */
    isWholeJob?: boolean;
    /** Maximum number of chunks, of all tenants and instances, that call one target at a time; default: what the target bears. */
    targetCalls?: number;
  };
  /** Gives `context.database` to the items. They run in the service's process, on 'main'. */
  usesDatabase?: boolean;
  /** Gives `context.http` to the items, for calls of other services. They run in the service's process, on 'main'. */
  usesHttp?: boolean;
  /** Gives `context.models`, the server of SEGMENT_MODEL_URL. The items run in the service's process, on 'main'. */
  usesModels?: boolean;
  /**
   * Parts of the work on an item, by name, that run in a worker process: those that a kind on 'main' computes with (`context.step`),
   * and the one that `expands` names.
   */
  steps?: Readonly<Record<string, Step<Static<Spec>, Input>>>;
  /** Inputs of files that the source returns become several, such as the pages of a document. */
  expands?: {
    /** Whether a file with these first bytes (at most 1,024) is one of several items. */
    applies(head: Buffer): boolean;
    /** The step that returns the inputs. Where it fails, the input stays as it is, and its item fails by name when it runs. */
    step: string;
  };
  /** 'thread' for computation; 'main' for waiting, such as calls of other services. */
  runsOn: 'thread' | 'main';
  /** Returns the next inputs after the cursor, at most `limit`. The first cursor is null; a page without a cursor is the last. */
  source(context: SourceContext<Static<Spec>>, cursor: string | null, limit: number): Promise<SourcePage<Input>>;
  /** Returns the bytes of memory that `run` needs. The item waits until they fit into BATCH_MEMORY_MB. */
  cost(item: Item<Input>, context: ItemContext<Static<Spec>>): Promise<number> | number;
  run(item: Item<Input>, context: ItemContext<Static<Spec>>): Promise<ItemResult> | ItemResult;
  /**
   * Returns the service that the item calls, such as the host of a URL, at most 255 characters; null: none. All instances together
   * call a target with few items of a tenant at a time: more while it answers, half with each `throttled` failure.
   */
  target?(input: Input, context: { spec: Static<Spec> }): string | null;
  /** Runs once, in the transaction that ends the job, unless the job is cancelled. */
  finish?(tx: Transaction, job: FinishedJob<Static<Spec>>): Promise<void>;
}

/** Methods, so that a kind's steps may name its own types. */
export interface Step<Spec, Input> {
  /** Returns the bytes of memory that `run` needs. */
  cost(item: Item<Input>, context: ItemContext<Spec>, given: unknown): Promise<number> | number;
  /** Returns what structured clone copies: buffers, and plain data. */
  run(item: Item<Input>, context: ItemContext<Spec>, given: unknown): unknown;
}

export interface SourceContext<Spec> {
  job: string;
  spec: Spec;
  /** The identity that inserted the job; inputs are read with its rights. */
  identity: Identity;
  files: FileRegistry;
  database: DatabaseContext;
  http: SafeHttp;
  models: ModelServer;
  /**
   * Reads a page of the rows of a query, `images?select=id,path&project_id=eq.7`, in the order of their primary key. Numbers of more
   * than 15 digits are text.
   */
  rows(query: TableQuery, cursor: string | null, limit: number): Promise<SourcePage<QueriedRow>>;
}

export interface SourcePage<Input> {
  inputs: Input[];
  cursor: string | null;
}

export interface FileInput {
  /** The id in tidemark.files. */
  file: string;
  /** The last part of the file's path. */
  name: string;
}

export interface Item<Input> {
  index: number;
  input: Input;
  /** The name of the item in messages: that of the file, or "item <index>". */
  name: string;
}

export interface ItemContext<Spec> {
  job: string;
  spec: Spec;
  /** The bytes are read from the store once. */
  read(): Promise<Buffer>;
  /** Stores an output that is too large for memory, to be returned among the result's `files`. */
  store(content: Readable, file: Omit<OutputFile, 'bytes'>): Promise<StoredFile>;
  /** Only of a kind with `usesDatabase`. */
  database?: DatabaseContext | undefined;
  /** Only of a kind with `usesHttp`. */
  http?: SafeHttp | undefined;
  /** Only of a kind with `usesModels`. */
  models?: ModelServer | undefined;
  /** Runs a step of the kind in a worker process, with `given` as a structured clone. Only of a kind with `steps` on 'main'. */
  step?: ((name: string, given?: unknown) => Promise<unknown>) | undefined;
  /** Aborted when the time of the item is over or the job was cancelled. */
  signal: AbortSignal;
  limits: InstanceLimits;
}

export interface InstanceLimits {
  inputBytes: number;
  /** Maximum width × height × pages of an image. */
  pixels: number;
  itemMs: number;
}

export interface FinishedJob<Spec> {
  id: string;
  spec: Spec;
  done: number;
  failed: number;
}

/** Lets TypeScript infer the types of `run` and `source` from `spec`. */
export function defineKind<Spec extends TSchema, Input>(kind: JobKind<Spec, Input>): JobKind<Spec, Input> {
  return kind;
}
