import type { Identity, Pool, Transaction } from '@tidemark/db';
import { fileErrors } from './errors.ts';
import { registryStatements as sql } from './registry-statements.ts';

/** A row of tidemark.files. */
export interface FileRow {
  id: string;
  path: string;
  content_type: string;
  size: number;
  sha256: string;
  storage_key: string;
  metadata: Record<string, unknown>;
  owner: string | null;
  job_id: string | null;
  created_at: string;
}

export interface NewFile {
  path: string;
  contentType: string;
  size: number;
  sha256: string;
  storageKey: string;
  metadata?: Record<string, unknown>;
  /** The `sub` of who may see it; null for everybody. */
  owner: string | null;
  jobId?: string | null;
}

export interface ListOptions {
  prefix: string;
  /** The path of the last row of the page before. */
  after?: string;
  /** Rows of a page. */
  limit: number;
}

export interface FileRegistry {
  /** Inserts rows as the service itself, all or none, in the caller's transaction. Throws FILES_PATH_TAKEN. */
  insert(tx: Transaction, files: readonly NewFile[]): Promise<FileRow[]>;
  /** Undefined when there is none, or none that this identity may see. */
  find(identity: Identity, id: string): Promise<FileRow | undefined>;
  /** Those of `ids` that this identity may see, in no order. */
  findMany(identity: Identity, ids: readonly string[]): Promise<FileRow[]>;
  /** Files below a prefix that this identity may see, by path in byte order. */
  list(identity: Identity, options: ListOptions): Promise<FileRow[]>;
  /** For `FileStore.sweepOrphans`. */
  referenced(keys: readonly string[]): Promise<Set<string>>;
}

/** Row-level security on tidemark.files decides every read here; `pool` is the primary's or a replica's. */
export function createFileRegistry(pool: Pool): FileRegistry {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is the statement's.
  const read = async (identity: Identity, text: string, params: any[]): Promise<FileRow[]> =>
    (await pool.transaction((tx) => tx.query(text, params), { identity, readOnly: true })).map(toFile);
  return {
    async insert(tx, files) {
      if (files.length === 0) return [];
      try {
        return (await tx.query(sql.insert, [JSON.stringify(files.map(toInsert))])).map(toFile);
      } catch (error) {
        if (isUniqueViolation(error)) throw fileErrors.PATH_TAKEN({ path: takenPath(error, files) }, { cause: error });
        throw error;
      }
    },
    find: async (identity, id) => (await read(identity, sql.find, [JSON.stringify([id])]))[0],
    findMany: (identity, ids) => read(identity, sql.find, [JSON.stringify(ids)]),
    list: (identity, { prefix, after, limit }) => read(identity, sql.list, [prefix, after ?? '', limit]),
    async referenced(keys) {
      const rows = await pool.query<{ storage_key: string }>(sql.referenced, [JSON.stringify(keys)]);
      return new Set(rows.map((r) => r.storage_key));
    },
  };
}

function toInsert(file: NewFile): Record<string, unknown> {
  return {
    path: file.path,
    content_type: file.contentType,
    size: file.size,
    sha256: file.sha256,
    storage_key: file.storageKey,
    metadata: file.metadata ?? {},
    owner: file.owner,
    job_id: file.jobId ?? null,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the driver gives it.
function toFile(row: any): FileRow {
  // int8 comes as text; a file's size is far below 2^53.
  return { ...row, size: Number(row.size) };
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505';
}

/** Postgres says which path in its details, `Key (path)=(…) already exists.`; with one file there is no doubt. */
function takenPath(error: unknown, files: readonly NewFile[]): string {
  if (files.length === 1) return files[0]?.path ?? '';
  const { details, detail } = error as { details?: string | null; detail?: string };
  return /\(path\)=\((.*)\)/s.exec(details ?? detail ?? '')?.[1] ?? `one of ${files.length}`;
}
