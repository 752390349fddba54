/** Names of buckets, as the constraint files_bucket_check of tidemark.files has them. */
import { fileRequestErrors } from './errors.ts';

/** The owner's own, `~<sub>`, or a shared one. Its owner's length is bounded by the token that named it. */
const BUCKET = /^(~[^\p{Cc}\p{Surrogate}]{0,1000}|[a-z0-9][a-z0-9._-]{0,62})$/u;

/** Undefined: the caller's own. @throws GATEWAY_FILE_BUCKET */
export function bucketOf(text: string | undefined): string | undefined {
  if (text === undefined || BUCKET.test(text)) return text;
  throw fileRequestErrors.BUCKET({ bucket: text });
}

/** `?bucket=` of a request for a file by its path. */
export function bucketOfQuery(query: unknown): string | undefined {
  const { bucket } = query as { bucket?: string | string[] };
  return bucketOf(Array.isArray(bucket) ? bucket.join() : bucket);
}
