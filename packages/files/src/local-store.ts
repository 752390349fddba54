import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, stat, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileErrors } from './errors.ts';
import { asStoreError, isCode, unlinkIfThere } from './fs-errors.ts';
import { checkKey, keyOf } from './key.ts';
import { sweepOrphans, sweepTemporary } from './local-sweep.ts';
import { FOLDER_MODE } from './private-folder.ts';
import type { ByteRange, FileStore, OpenFile, PutOptions, StoredFile } from './types.ts';
import { hashBytes, writeHashed, writeSynced } from './write-hashed.ts';

export interface LocalFileStoreOptions {
  /** The folder is made when it is missing. Processes may share it. It must be on one file system. */
  dir: string;
}

/** Uploads in progress are beside the content, so that a rename never crosses a file system. */
const TEMPORARY = 'tmp';

/** Bytes get their final name by a rename after a sync, so a crash leaves the whole content or a temporary file. */
export function createLocalFileStore(options: LocalFileStoreOptions): FileStore {
  const dir = path.resolve(options.dir);
  const temporary = path.join(dir, TEMPORARY);
  const at = (key: string) => path.join(dir, checkKey(key));

  async function put(content: Readable | Uint8Array, { limitBytes, signal }: PutOptions): Promise<StoredFile> {
    const name = path.join(temporary, randomUUID());
    try {
      if (content instanceof Uint8Array) return await putBytes(name, content, limitBytes, signal);
      const { sha256, size } = await orWithFolder(temporary, () => writeHashed(name, content, limitBytes, signal));
      const key = keyOf(sha256);
      if (await touch(at(key), size)) await unlink(name);
      else await moveInto(name, at(key));
      return { key, size, sha256 };
    } catch (error) {
      await unlinkIfThere(name);
      throw asStoreError(dir, error);
    }
  }

  /** Content that exists is not written again, which a stream shows only at its end. */
  async function putBytes(
    name: string,
    content: Uint8Array,
    limitBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<StoredFile> {
    const size = content.byteLength;
    if (size > limitBytes) throw fileErrors.TOO_LARGE({ limitBytes });
    const sha256 = await hashBytes(content, signal);
    const key = keyOf(sha256);
    if (!(await touch(at(key), size))) {
      await orWithFolder(temporary, () => writeSynced(name, content, signal));
      await moveInto(name, at(key));
    }
    return { key, size, sha256 };
  }

  async function openKey<T>(key: string, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
    let handle: FileHandle;
    try {
      handle = await open(at(key));
    } catch (error) {
      throw isCode(error, 'ENOENT') ? fileErrors.NOT_FOUND({ key }, { cause: error }) : asStoreError(dir, error);
    }
    try {
      return await use(handle, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  return {
    put,
    open: (key: string, range?: ByteRange): Promise<OpenFile> =>
      openKey(key, async (handle, size) => {
        if (range && !(range.start >= 0 && range.start <= range.end && range.end < size)) {
          throw fileErrors.INVALID_RANGE({ ...range, size });
        }
        return { stream: handle.createReadStream({ ...range, autoClose: true }), size };
      }),
    read: (key, limitBytes, signal) =>
      openKey(key, async (handle, size) => {
        if (size > limitBytes) throw fileErrors.TOO_LARGE({ limitBytes });
        const content = await readWhole(handle, signal);
        await handle.close();
        return content;
      }),
    async stat(key) {
      try {
        const { size, mtime } = await stat(at(key));
        return { size, modifiedAt: mtime };
      } catch (error) {
        if (isCode(error, 'ENOENT')) return undefined;
        throw asStoreError(dir, error);
      }
    },
    delete: async (key) => unlinkIfThere(at(key)),
    sweepTemporary: (olderThanMs) => sweepTemporary(temporary, olderThanMs),
    sweepOrphans: (olderThanMs, isReferenced) => sweepOrphans(dir, temporary, olderThanMs, isReferenced),
    close: () => undefined,
  };
}

async function readWhole(handle: FileHandle, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    return await handle.readFile({ signal });
  } catch (error) {
    // The error of Node would only say that the operation was aborted.
    signal?.throwIfAborted();
    throw error;
  }
}

/** Returns true when the content exists already. Its new time protects it from the sweep of orphans until its row is written. */
async function touch(name: string, size: number): Promise<boolean> {
  try {
    // A different size means a damaged disk or a foreign file, which the rename replaces.
    if ((await stat(name)).size !== size) return false;
    const now = new Date();
    await utimes(name, now, now);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function moveInto(from: string, to: string): Promise<void> {
  await orWithFolder(path.dirname(to), () => rename(from, to));
  // Without the sync, a power failure could lose the name of a file whose row is committed.
  const folder = await open(path.dirname(to));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The folder is there nearly always, so that it is made only after a failure. */
async function orWithFolder<T>(folder: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    return use();
  }
}
