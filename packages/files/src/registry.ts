import { randomUUID } from 'node:crypto';
import type { Identity, Pool, Transaction } from '@tidemark/db';
import type { FileFacts, FileRow, NewFile } from './file-rows.ts';
import { type ListOptions, listStatement, registryStatements as sql } from './registry-statements.ts';
import { pathTaken, toFile, toInsert, toKey } from './rows.ts';

export interface FileRegistry {
  /** Inserts rows as the service, all or none, in the transaction of the caller. @throws FILES_PATH_TAKEN */
  insert(tx: Transaction, files: readonly NewFile[]): Promise<FileRow[]>;
  /** Returns undefined when the file does not exist, or the identity may not read it. */
  find(identity: Identity, id: string): Promise<FileRow | undefined>;
  /** Default bucket: that of the identity. */
  findByPath(identity: Identity, path: string, bucket?: string): Promise<FileRow | undefined>;
  /** Returns the files that the identity may read, in no order. */
  findMany(identity: Identity, ids: readonly string[]): Promise<FileRow[]>;
  /** Returns the files below a prefix that the identity may read, by path in byte order. */
  list(identity: Identity, options: ListOptions): Promise<FileRow[]>;
  /** Returns the keys that a row refers to; `FileStore.sweepOrphans` deletes the others. */
  referenced(keys: readonly string[]): Promise<Set<string>>;
}

/** Row-level security on tidemark.files decides every read; `pool` is of the primary or a replica. */
export function createFileRegistry(pool: Pool): FileRegistry {
  /** The service reads the keys of the rows that the identity may read. */
  const read = (identity: Identity, text: string, params: readonly (string | number | null)[]): Promise<FileRow[]> =>
    pool.transaction(
      async (tx) => {
        const files = await tx.query(text, params);
        if (files.length === 0) return [];
        return withKeys(tx, files.map(toFile));
      },
      { identity, readOnly: true },
    );
  return {
    async insert(tx, files) {
      if (files.length === 0) return [];
      const named = files.map((file) => ({ id: randomUUID() as string, ...file }));
      try {
        const [, rows] = await Promise.all([
          tx.query(sql.keysOnly, [JSON.stringify(named.map(toKey))]),
          tx.query(sql.insert, [JSON.stringify(named.map(toInsert))]),
        ]);
        const keys = new Map(named.map((file) => [file.id, file.storageKey]));
        return rows.map((row) => ({ ...toFile(row), storage_key: keys.get(row.id) as string }));
      } catch (error) {
        throw pathTaken(error, files) ?? error;
      }
    },
    find: async (identity, id) => (await read(identity, sql.find, [JSON.stringify([id])]))[0],
    findByPath: async (identity, path, bucket) => (await read(identity, sql.findByPath, [path, bucket ?? null]))[0],
    findMany: (identity, ids) => read(identity, sql.find, [JSON.stringify(ids)]),
    list: (identity, options) => {
      const { text, params } = listStatement(options);
      return read(identity, text, params);
    },
    async referenced(keys) {
      const rows = await pool.query<{ storage_key: string }>(sql.referenced, [JSON.stringify(keys)]);
      return new Set(rows.map((r) => r.storage_key));
    },
  };
}

async function withKeys(tx: Transaction, files: readonly FileFacts[]): Promise<FileRow[]> {
  const [, rows] = await Promise.all([
    tx.query(sql.serviceAgain),
    tx.query<{ id: string; storage_key: string }>(sql.keys, [JSON.stringify(files.map((file) => file.id))]),
  ]);
  const keys = new Map(rows.map((row) => [row.id, row.storage_key]));
  // A file may be deleted between the two statements.
  return files.flatMap((file) => {
    const key = keys.get(file.id);
    return key === undefined ? [] : [{ ...file, storage_key: key }];
  });
}
