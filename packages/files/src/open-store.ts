/** A folder or a bucket, whichever is described. */
import { createLocalFileStore, type LocalFileStoreOptions } from './local-store.ts';
import { preparePrivateFolder } from './private-folder.ts';
import type { S3FileStoreOptions } from './s3-store.ts';
import type { FileStore } from './types.ts';

export type FileStoreOptions = LocalFileStoreOptions | S3FileStoreOptions;

export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  if (!('bucket' in options)) {
    await preparePrivateFolder(options.dir);
    return createLocalFileStore(options);
  }
  // The AWS client is loaded by those alone that have a bucket.
  const { createS3FileStore } = await import('./s3-store.ts');
  return createS3FileStore(options);
}
