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
  // Only processes with a bucket load the AWS client.
  const { createS3FileStore } = await import('./s3-store.ts');
  return createS3FileStore(options);
}
