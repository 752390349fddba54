import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { asS3Error, isMissing } from './s3-errors.ts';
import { SWEEP_BATCH } from './types.ts';

interface Place {
  bucket: string;
  prefix: string;
}

/** Aborts uploads that were begun before and never completed: their parts are stored, and paid for, but not listed. */
export async function sweepS3Uploads(
  client: S3Client,
  { bucket, prefix }: Place,
  olderThanMs: number,
): Promise<number> {
  const before = Date.now() - olderThanMs;
  let aborted = 0;
  let page: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  try {
    for (;;) {
      const list = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...page }));
      for (const { Key, UploadId, Initiated } of list.Uploads ?? []) {
        if (!Initiated || Initiated.getTime() > before) continue;
        try {
          await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
          aborted += 1;
        } catch (error) {
          // Completed or aborted by somebody else meanwhile.
          if (!isMissing(error)) throw error;
        }
      }
      if (!list.IsTruncated) return aborted;
      page = { KeyMarker: list.NextKeyMarker, UploadIdMarker: list.NextUploadIdMarker };
    }
  } catch (error) {
    throw asS3Error(bucket, error);
  }
}

/** A key is never stored twice, so an object that is old and has no row will never get one. */
export async function sweepS3Orphans(
  client: S3Client,
  { bucket, prefix, isKey }: Place & { isKey(key: string): boolean },
  olderThanMs: number,
  isReferenced: (keys: string[]) => Promise<Set<string>>,
): Promise<number> {
  const before = Date.now() - olderThanMs;
  let deleted = 0;
  let ContinuationToken: string | undefined;
  try {
    do {
      const list = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: SWEEP_BATCH, ContinuationToken }),
      );
      const old = (list.Contents ?? [])
        .filter((object) => object.LastModified && object.LastModified.getTime() <= before)
        .map((object) => (object.Key ?? '').slice(prefix.length))
        // A bucket may hold other things, too.
        .filter(isKey);
      const referenced = old.length > 0 ? await isReferenced(old) : new Set<string>();
      for (const key of old) {
        if (referenced.has(key)) continue;
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${prefix}${key}` }));
        deleted += 1;
      }
      ContinuationToken = list.IsTruncated ? list.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
    return deleted;
  } catch (error) {
    throw asS3Error(bucket, error);
  }
}
