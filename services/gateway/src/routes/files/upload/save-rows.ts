/** The rows of an upload, inserted as the caller. */
import { formatTidemark, parseLsn, type Tidemark, TidemarkError } from '@tidemark/contracts';
import type { FileFacts, UploadedFile, UploadOptions } from '@tidemark/files';
import type { FastifyRequest } from 'fastify';
import { wroteTable } from '../../../cache/own-writes.ts';
import { fullIdentity } from '../../../request/identity-settings.ts';
import type { FileContext } from '../context.ts';
import { fileRequestErrors } from '../errors.ts';

export async function saveRows(
  context: FileContext,
  request: FastifyRequest,
  files: readonly UploadedFile[],
  options: UploadOptions,
): Promise<{ files: FileFacts[]; replaced: number; tidemark: Tidemark }> {
  const { db } = context;
  const saved = await asCaller(context, request, files, options);
  // After the COMMIT, so at or past it.
  const [row] = await db.pools.write.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  const tidemark = formatTidemark(db.epoch(), parseLsn(row?.lsn as string));
  wroteTable(context, 'tidemark', 'files', tidemark);
  return { ...saved, tidemark };
}

/** Whether the caller may, before a byte is stored: a row as it would be, as far as it is known, rolled back. */
export async function tryRows(
  context: FileContext,
  request: FastifyRequest,
  path: string,
  size: number,
  options: UploadOptions,
): Promise<void> {
  const file = { path, size, contentType: 'application/octet-stream', sha256: '', storageKey: '' };
  await asCaller(context, request, [file], { ...options, dryRun: true });
}

async function asCaller(
  context: FileContext,
  request: FastifyRequest,
  files: readonly UploadedFile[],
  options: UploadOptions,
) {
  try {
    return await context.files.registry.upload(fullIdentity(request, 'tidemark'), files, options);
  } catch (error) {
    const isTaken = error instanceof TidemarkError && error.code === 'FILES_PATH_TAKEN';
    if (isTaken && request.headers['if-none-match'] === '*') {
      throw fileRequestErrors.PRECONDITION({ header: 'If-None-Match' }, { cause: error });
    }
    throw error;
  }
}
