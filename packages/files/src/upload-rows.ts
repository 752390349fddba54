/** The service inserts the contents, then the caller the rows. The role never changes back within the transaction. */
import { randomUUID } from 'node:crypto';
import type { Tidemark } from '@tidemark/contracts';
import { type Database, type Identity, identityStatement, type Transaction } from '@tidemark/db';
import type { FileFacts, UploadedFile, UploadOptions } from './file-rows.ts';
import { registryStatements as sql } from './registry-statements.ts';
import { pathTaken, toContents, toFile } from './rows.ts';

export interface UploadOutcome {
  files: FileFacts[];
  replaced: number;
  tidemark: Tidemark;
}

/** Inserts all or none. The caller's rights and policies decide; key, size, hash and type are the service's word. */
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
  const { before } = identity;
  const remove = (tx: Transaction) => {
    const paths = JSON.stringify(rows.map((row) => row.path));
    return owner === undefined
      ? tx.query(sql.removeOwn, [paths, bucket])
      : tx.query(sql.removeFor, [paths, bucket, owner]);
  };
  try {
    const { value, tidemark } = await database.transaction(
      async (tx) => {
        const [, , , removed, inserted] = await Promise.all([
          tx.query(sql.contents, [JSON.stringify(named.map(toContents))]),
          tx.query(caller.text, caller.params),
          before === undefined ? undefined : tx.query(before),
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
