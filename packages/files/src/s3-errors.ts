/** What the S3 client throws, as this package's errors; the one file that reads its names. */
import { TidemarkError } from '@tidemark/contracts';
import { fileErrors } from './errors.ts';

interface S3Failure {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);

export function isMissing(error: unknown): boolean {
  return MISSING.has((error as S3Failure).name ?? '');
}

export function asS3Error(bucket: string, error: unknown): unknown {
  if (error instanceof TidemarkError) return error;
  const { name = 'error', message = '', $metadata } = error as S3Failure;
  return fileErrors.S3_FAILED(
    { bucket, reason: `${name} ${message}`, status: $metadata?.httpStatusCode },
    { cause: error },
  );
}
