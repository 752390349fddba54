import { randomUUID } from 'node:crypto';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { fileErrors } from './errors.ts';
import { createHashing } from './hashing.ts';
import { asS3Error, isMissing } from './s3-errors.ts';
import { sweepS3Orphans, sweepS3Uploads } from './s3-sweep.ts';
import type { ByteRange, FileStore, OpenFile, PutOptions, StoredFile } from './types.ts';

export interface S3FileStoreOptions {
  bucket: string;
  region: string;
  /** The address of a server that speaks S3; default: Amazon's. */
  endpoint?: string;
  /** Default: the chain of the SDK (environment, profile, instance role). */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  prefix?: string;
  /** Uses `endpoint/bucket/key` instead of `bucket.endpoint/key`, which most servers other than Amazon's need. */
  forcePathStyle?: boolean;
  /** ms that a connection may be silent, before and during a response; default 20,000. The SDK then retries twice. */
  silenceMs?: number;
}

/** The minimum of S3. An upload keeps at most PARTS_AT_ONCE + 1 parts in memory. */
const PART_BYTES = 5 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
const CONNECT_MS = 5_000;
const SILENCE_MS = 20_000;
/** Each download needs a connection for as long as its client reads. */
const MAX_SOCKETS = 250;
/** Time limit in ms for deleting the rest of a failed upload; what remains is deleted by the sweep of orphans. */
const CLEAN_UP_MS = 5_000;
const KEY = /^[0-9a-f]{2}\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * An object appears when its upload is completed, so it is whole or not there. Each upload has a key of its own: S3
 * can neither rename an object once its hash is known, nor delete one unless somebody has just stored it again.
 */
export function createS3FileStore(options: S3FileStoreOptions): FileStore {
  const { bucket, prefix = '' } = options;
  const client = new S3Client(clientConfig(options));
  const at = (key: string) => {
    if (!KEY.test(key)) throw fileErrors.INVALID_KEY({ key });
    return { Bucket: bucket, Key: `${prefix}${key}` };
  };

  async function put(content: Readable | Uint8Array, { limitBytes, signal }: PutOptions): Promise<StoredFile> {
    signal?.throwIfAborted();
    const id = randomUUID();
    const key = `${id.slice(0, 2)}/${id}`;
    const hashing = createHashing(limitBytes);
    const upload = new Upload({
      client,
      params: { ...at(key), Body: hashing.stream, ContentType: 'application/octet-stream' },
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
      leavePartsOnError: false,
    });
    // The SDK reports only the consequence of a failure on our side.
    let failure: Error | undefined;
    const fail = (error: Error) => {
      failure ??= error;
      void upload.abort();
    };
    const onAbort = () => fail(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    const source = content instanceof Uint8Array ? Readable.from([content]) : content;
    pipeline(source, hashing.stream, (error) => {
      if (error) fail(error);
    });
    try {
      await upload.done();
      if (failure) throw failure;
      return { key, ...hashing.result() };
    } catch (error) {
      hashing.stream.destroy();
      if (failure) {
        const abortSignal = AbortSignal.timeout(CLEAN_UP_MS);
        // The caller receives `failure`; deleting the object is a best effort, since it has no row and is never read.
        await client.send(new DeleteObjectCommand(at(key)), { abortSignal }).catch(() => undefined);
        throw failure;
      }
      throw asS3Error(bucket, error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async function stat(key: string) {
    try {
      const head = await client.send(new HeadObjectCommand(at(key)));
      return { size: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw asS3Error(bucket, error);
    }
  }

  async function openKey(key: string, range?: ByteRange, signal?: AbortSignal): Promise<OpenFile> {
    if (range && !(range.start >= 0 && range.start <= range.end)) {
      throw fileErrors.INVALID_RANGE({ ...range, size: (await stat(key))?.size ?? 0 });
    }
    const wanted = range ? { Range: `bytes=${range.start}-${range.end}` } : {};
    try {
      const command = new GetObjectCommand({ ...at(key), ...wanted });
      const object = await client.send(command, { ...(signal && { abortSignal: signal }) });
      const total = /\/(\d+)$/.exec(object.ContentRange ?? '')?.[1];
      const size = total === undefined ? (object.ContentLength ?? 0) : Number(total);
      const stream = object.Body as Readable;
      if (range && range.end >= size) {
        stream.destroy();
        throw fileErrors.INVALID_RANGE({ ...range, size });
      }
      return { stream, size };
    } catch (error) {
      signal?.throwIfAborted();
      if (isMissing(error)) throw fileErrors.NOT_FOUND({ key }, { cause: error });
      if (range && (error as { name?: string }).name === 'InvalidRange') {
        throw fileErrors.INVALID_RANGE({ ...range, size: (await stat(key))?.size ?? 0 }, { cause: error });
      }
      throw asS3Error(bucket, error);
    }
  }

  return {
    put,
    open: (key, range) => openKey(key, range),
    async read(key, limitBytes, signal) {
      const { stream, size } = await openKey(key, undefined, signal);
      if (size > limitBytes) {
        stream.destroy();
        throw fileErrors.TOO_LARGE({ limitBytes });
      }
      if (signal) addAbortSignal(signal, stream);
      try {
        return await buffer(stream);
      } catch (error) {
        signal?.throwIfAborted();
        throw asS3Error(bucket, error);
      }
    },
    stat,
    async delete(key) {
      if ((await stat(key)) === undefined) return false;
      await client.send(new DeleteObjectCommand(at(key)));
      return true;
    },
    sweepTemporary: (olderThanMs) => sweepS3Uploads(client, { bucket, prefix }, olderThanMs),
    sweepOrphans: (olderThanMs, isReferenced) =>
      sweepS3Orphans(client, { bucket, prefix, isKey: (key) => KEY.test(key) }, olderThanMs, isReferenced),
    close: () => client.destroy(),
  };
}

function clientConfig(options: S3FileStoreOptions): S3ClientConfig {
  const { region, endpoint, credentials, forcePathStyle, silenceMs = SILENCE_MS } = options;
  return {
    region,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: silenceMs,
      httpAgent: { maxSockets: MAX_SOCKETS },
      httpsAgent: { maxSockets: MAX_SOCKETS },
    },
    ...(endpoint ? { endpoint } : {}),
    ...(credentials ? { credentials } : {}),
    ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
    // Many S3 servers refuse the checksum trailers that newer SDKs add by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
}
