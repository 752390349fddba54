/** What the service and its threads say to each other. Everything here crosses by structured clone. */
import type { ImageTransform } from '@tidemark/contracts';
import type { FileStoreOptions } from '@tidemark/files';
import type { ImageFacts } from '../images/image-facts.ts';

/** An item of a chunk: one input file. */
export interface Item {
  /** Position in the job; names the output. */
  index: number;
  file: string;
  /** Where the file store has its bytes. */
  key: string;
  /** The `sub` of the file's owner, whom the output of a job without an owner belongs to. */
  owner: string | null;
  /** Last part of the input's path. */
  name: string;
}

export interface WorkerData {
  store: FileStoreOptions;
  /** Of the store, for reading an input and for storing a result, each. */
  storeTimeoutMs: number;
  maxInputBytes: number;
  maxPixels: number;
  /** sharp stops a decoder after so many seconds: the thread cannot end before its native work does. */
  nativeTimeoutSeconds: number;
}

export type Task =
  /** Reads the header only. */
  { type: 'probe'; item: Item } | { type: 'transform'; item: Item; transform: ImageTransform; facts: ImageFacts };

export interface Output {
  key: string;
  sha256: string;
  size: number;
  contentType: string;
  extension: string;
  width: number;
  height: number;
}

export interface Failure {
  code: string;
  message: string;
  hint: string | null;
  /** The surroundings failed (disk, store), not the item: the chunk is tried again. */
  fault: boolean;
}

export type Reply = { facts: ImageFacts } | { output: Output } | { failure: Failure };
