/** A folder or a bucket, whichever is described. */
import { createLocalFileStore, type LocalFileStoreOptions } from './local-store.ts';
import { createS3FileStore, type S3FileStoreOptions } from './s3-store.ts';
import type { FileStore } from './types.ts';

export type FileStoreOptions = LocalFileStoreOptions | S3FileStoreOptions;

export function openFileStore(options: FileStoreOptions): FileStore {
  return 'bucket' in options ? createS3FileStore(options) : createLocalFileStore(options);
}
