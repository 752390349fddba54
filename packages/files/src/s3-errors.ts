/** Translates the errors of the S3 client; no other file reads their names. */
import { TidemarkError } from '@tidemark/contracts';
import { fileErrors } from './errors.ts';

interface S3Failure {
  name?: string;
  message?: string;
}

const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);

export function isMissing(error: unknown): boolean {
  return MISSING.has((error as S3Failure).name ?? '');
}

export function asS3Error(bucket: string, error: unknown): unknown {
  if (error instanceof TidemarkError) return error;
  const { name = 'error', message = '' } = error as S3Failure;
  return fileErrors.S3_FAILED({ name }, { cause: new Error(`bucket ${bucket}: ${name} ${message}`, { cause: error }) });
}
