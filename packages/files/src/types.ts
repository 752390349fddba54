/**
 * The words of this package.
 *
 *   store     keeps bytes by key; knows nothing of names, owners or permissions
 *   key       what the store calls the bytes. In a folder it is named for the content, so equal contents are kept once;
 *             in a bucket each upload has its own
 *   registry  the rows of tidemark.files: a bucket and a path in it, a type, an owner, a visibility, and the key of the bytes
 *   orphan    stored bytes that no row of the registry points at
 */
import type { Readable } from 'node:stream';

export interface PutOptions {
  /** Maximum size in bytes. A longer file is FILES_TOO_LARGE, and nothing of it is kept. */
  limitBytes: number;
  signal?: AbortSignal;
}

export interface StoredFile {
  key: string;
  size: number;
  /** Hexadecimal, lower case. */
  sha256: string;
}

/** First and last byte, both included, as in an HTTP Range. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface OpenFile {
  stream: Readable;
  /** The size of the whole file, whatever range is read. */
  size: number;
}

export interface FileStore {
  /** Stores all of the bytes or none: when it resolves, they are on disk and survive a power cut. */
  put(content: Readable | Uint8Array, options: PutOptions): Promise<StoredFile>;
  /** Throws FILES_NOT_FOUND, FILES_INVALID_RANGE. The stream closes its file when it ends or is destroyed. */
  open(key: string, range?: ByteRange): Promise<OpenFile>;
  /** The whole content. Throws FILES_TOO_LARGE before reading when it has more than `limitBytes`, or the signal's reason. */
  read(key: string, limitBytes: number, signal?: AbortSignal): Promise<Buffer>;
  stat(key: string): Promise<{ size: number; modifiedAt: Date } | undefined>;
  /** True when there was something to delete. The caller makes sure that no row points at it. */
  delete(key: string): Promise<boolean>;
  sweepTemporary(olderThanMs: number): Promise<number>;
  /** Deletes old contents that `isReferenced` does not return. Content that is stored again meanwhile is kept. */
  sweepOrphans(olderThanMs: number, isReferenced: (keys: string[]) => Promise<Set<string>>): Promise<number>;
  close(): void;
}

/** Keys that one question to `isReferenced` holds: bounds its statement to some 70 KB. */
export const SWEEP_BATCH = 1_000;
