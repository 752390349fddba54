import { randomUUID } from 'node:crypto';
import { opendir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { isCode, unlinkIfThere } from './fs-errors.ts';
import { keyOf } from './key.ts';
import { SWEEP_BATCH } from './types.ts';

export async function sweepTemporary(temporary: string, olderThanMs: number): Promise<number> {
  let deleted = 0;
  for await (const name of names(temporary)) {
    const file = path.join(temporary, name);
    if ((await modifiedMs(file)) <= Date.now() - olderThanMs && (await unlinkIfThere(file))) deleted += 1;
  }
  return deleted;
}

export async function sweepOrphans(
  dir: string,
  temporary: string,
  olderThanMs: number,
  isReferenced: (keys: string[]) => Promise<Set<string>>,
): Promise<number> {
  let deleted = 0;
  let batch: string[] = [];
  const decide = async () => {
    const referenced = await isReferenced(batch);
    for (const key of batch)
      if (!referenced.has(key) && (await deleteOld(dir, temporary, key, olderThanMs))) deleted += 1;
    batch = [];
  };
  for await (const key of keys(dir)) {
    if ((await modifiedMs(path.join(dir, key))) > Date.now() - olderThanMs) continue;
    batch.push(key);
    if (batch.length === SWEEP_BATCH) await decide();
  }
  if (batch.length > 0) await decide();
  return deleted;
}

/**
 * An equal content may be stored between the query and the deletion. `put` renews the time of the file, so this renames the file,
 * checks its time again, and puts it back when it was renewed. A `put` after the rename finds no file and writes its own.
 */
async function deleteOld(dir: string, temporary: string, key: string, olderThanMs: number): Promise<boolean> {
  const file = path.join(dir, key);
  const aside = path.join(temporary, randomUUID());
  try {
    await rename(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
  if ((await modifiedMs(aside)) > Date.now() - olderThanMs) {
    await rename(aside, file);
    return false;
  }
  return unlinkIfThere(aside);
}

async function* keys(dir: string): AsyncGenerator<string> {
  for await (const first of names(dir)) {
    if (!/^[0-9a-f]{2}$/.test(first)) continue;
    for await (const second of names(path.join(dir, first))) {
      for await (const sha256 of names(path.join(dir, first, second))) {
        if (/^[0-9a-f]{64}$/.test(sha256)) yield keyOf(sha256);
      }
    }
  }
}

async function* names(folder: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(folder)) yield entry.name;
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

/** Returns Infinity for a file that no longer exists, so that it never counts as old. */
async function modifiedMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
