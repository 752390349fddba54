/**
 * The rows of an upload, in one transaction: the contents as the service, then the role and claims of the caller, then the
 * rows as the caller. The role never changes back, so nothing after it has more rights than the caller.
 */
import { randomUUID } from 'node:crypto';
import type { Tidemark } from '@tidemark/contracts';
import { type Database, type Identity, identityStatement, type Transaction } from '@tidemark/db';
import type { FileFacts, UploadedFile, UploadOptions } from './file-rows.ts';
import { registryStatements as sql } from './registry-statements.ts';
import { pathTaken, toContents, toFile } from './rows.ts';

export interface UploadOutcome {
  files: FileFacts[];
  /** Rows that were deleted because they had one of the paths. */
  replaced: number;
  tidemark: Tidemark;
}

/**
 * Inserts rows under an identity, all or none: its grants and the policies on tidemark.files decide. The bytes' key, size,
 * hash and type are the service's word. Throws FILES_PATH_TAKEN, and what Postgres refuses it with (42501).
 */
export async function uploadFiles(
  database: Pick<Database, 'transaction'>,
  identity: Identity,
  files: readonly UploadedFile[],
  options: UploadOptions = {},
): Promise<UploadOutcome> {
  const named = files.map((file) => ({ id: randomUUID() as string, ...file }));
  const { owner, bucket = null, visibility = null } = options;
  const rows = named.map(({ id, path, metadata }) => ({
    id,
    bucket,
    path,
    metadata: metadata ?? {},
    visibility,
    owner,
  }));
  const caller = identityStatement(identity);
  const remove = (tx: Transaction) => {
    const paths = JSON.stringify(rows.map((row) => row.path));
    return owner === undefined
      ? tx.query(sql.removeOwn, [paths, bucket])
      : tx.query(sql.removeFor, [paths, bucket, owner]);
  };
  try {
    const { value, tidemark } = await database.transaction(
      async (tx) => {
        const [, , removed, inserted] = await Promise.all([
          tx.query(sql.contents, [JSON.stringify(named.map(toContents))]),
          tx.query(caller.text, caller.params),
          options.replace ? remove(tx) : undefined,
          tx.query(owner === undefined ? sql.insertOwn : sql.insertFor, [JSON.stringify(rows)]),
        ]);
        return { files: inserted.map(toFile), replaced: removed?.count ?? 0 };
      },
      { rollback: options.dryRun === true },
    );
    return { ...value, tidemark };
  } catch (error) {
    throw pathTaken(error, files) ?? error;
  }
}
