import { TidemarkError } from '@tidemark/contracts';
import { type UploadedFile, type UploadOptions, type UploadOutcome, uploadFiles } from '@tidemark/files';
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
): Promise<UploadOutcome> {
  const saved = await asCaller(context, request, files, options);
  wroteTable(context, 'tidemark', 'files', saved.tidemark);
  return saved;
}

/** The rights are checked before a byte is stored. */
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
    return await uploadFiles(context.db, fullIdentity(request, { schema: 'tidemark' }), files, options);
  } catch (error) {
    const isTaken = error instanceof TidemarkError && error.code === 'FILES_PATH_TAKEN';
    if (isTaken && request.headers['if-none-match'] === '*') {
      throw fileRequestErrors.PRECONDITION({ header: 'If-None-Match' }, { cause: error });
    }
    throw error;
  }
}
