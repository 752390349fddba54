import type { TidemarkError } from '@tidemark/contracts';
import type { Row } from '@tidemark/db';
import { fileErrors } from './errors.ts';
import type { FileFacts, NewFile, UploadedFile } from './file-rows.ts';

export function toContents(file: UploadedFile & { id: string }): Record<string, unknown> {
  return {
    id: file.id,
    storage_key: file.storageKey,
    content_type: file.contentType,
    size: file.size,
    sha256: file.sha256,
  };
}

export function toKey(file: NewFile & { id: string }): Record<string, unknown> {
  return { id: file.id, storage_key: file.storageKey };
}

export function toInsert(file: NewFile & { id: string }): Record<string, unknown> {
  return {
    id: file.id,
    bucket: file.bucket ?? null,
    path: file.path,
    content_type: file.contentType,
    size: file.size,
    sha256: file.sha256,
    metadata: file.metadata ?? {},
    owner: file.owner,
    visibility: file.visibility ?? null,
    job_id: file.jobId ?? null,
  };
}

export function toFile(row: Row): FileFacts {
  // int8 arrives as text; the size of a file is far below 2^53.
  return { ...(row as FileFacts), size: Number(row.size) };
}

export function pathTaken(error: unknown, files: readonly { path: string }[]): TidemarkError | undefined {
  if (!(error instanceof Error && 'code' in error && error.code === '23505')) return undefined;
  return fileErrors.PATH_TAKEN({ path: takenPath(error, files) }, { cause: error });
}

/** Postgres names the path in the details, `Key (bucket, path)=(…, …) already exists.`; with one file there is only one. */
function takenPath(error: unknown, files: readonly { path: string }[]): string {
  if (files.length === 1) return files[0]?.path ?? '';
  const { details, detail } = error as { details?: string | null; detail?: string };
  const key = /\(bucket, path\)=\((.*)\)/s.exec(details ?? detail ?? '')?.[1] ?? '';
  return files.find((file) => key.endsWith(`, ${file.path}`))?.path ?? `one of ${files.length}`;
}
