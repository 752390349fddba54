/** Names of buckets, by the same rule as the constraint files_bucket_check of tidemark.files. */
import { fileRequestErrors } from './errors.ts';

/** The bucket of an owner, `~<sub>`, or a shared one. The token bounds the length of the owner. */
const BUCKET = /^(~[^\p{Cc}\p{Surrogate}]{0,1000}|[a-z0-9][a-z0-9._-]{0,62})$/u;

/** Undefined stands for the caller's own bucket. */
export function bucketOf(text: string | undefined): string | undefined {
  if (text === undefined || BUCKET.test(text)) return text;
  throw fileRequestErrors.BUCKET({ bucket: text });
}

export function bucketOfQuery(query: unknown): string | undefined {
  const { bucket } = query as { bucket?: string | string[] };
  return bucketOf(Array.isArray(bucket) ? bucket.join() : bucket);
}
