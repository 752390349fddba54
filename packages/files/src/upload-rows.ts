/**
 * The rows of an upload, in one transaction: the contents as the service, then the role and claims of the caller, then the
 * rows as the caller. The role never changes back, so nothing after it has more rights than the caller.
 */
import { randomUUID } from 'node:crypto';
import { type Identity, identityStatement, type Pool, type Transaction } from '@tidemark/db';
import type { FileFacts, UploadedFile, UploadOptions } from './file-rows.ts';
import { registryStatements as sql } from './registry-statements.ts';
import { pathTaken, toContents, toFile } from './rows.ts';

/** Thrown inside of the transaction to undo it although nothing failed. */
class Undo extends Error {
  readonly outcome: UploadOutcome;

  constructor(outcome: UploadOutcome) {
    super('rolled back as asked');
    this.outcome = outcome;
  }
}

interface UploadOutcome {
  files: FileFacts[];
  replaced: number;
}

export async function uploadFiles(
  pool: Pool,
  identity: Identity,
  files: readonly UploadedFile[],
  options: UploadOptions,
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
    return await pool.transaction(async (tx) => {
      const [, , removed, inserted] = await Promise.all([
        tx.query(sql.contents, [JSON.stringify(named.map(toContents))]),
        tx.query(caller.text, caller.params),
        options.replace ? remove(tx) : undefined,
        tx.query(owner === undefined ? sql.insertOwn : sql.insertFor, [JSON.stringify(rows)]),
      ]);
      const outcome = { files: inserted.map(toFile), replaced: removed?.count ?? 0 };
      if (options.dryRun) throw new Undo(outcome);
      return outcome;
    });
  } catch (error) {
    if (error instanceof Undo) return error.outcome;
    throw pathTaken(error, files) ?? error;
  }
}
