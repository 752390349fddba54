/** Where the bytes are: a folder, or a bucket where one is configured. */
import { createLocalFileStore, createS3FileStore, type FileStore } from '@tidemark/files';
import type { Config } from '../config.ts';

export function openFileStore(config: Config): FileStore {
  if (config.FILES_S3_BUCKET === '') return createLocalFileStore({ dir: config.TIDEMARK_FILES_DIR });
  const accessKeyId = config.FILES_S3_ACCESS_KEY_ID;
  return createS3FileStore({
    bucket: config.FILES_S3_BUCKET,
    region: config.FILES_S3_REGION,
    ...(config.FILES_S3_ENDPOINT === '' ? {} : { endpoint: config.FILES_S3_ENDPOINT }),
    ...(accessKeyId === '' ? {} : { credentials: { accessKeyId, secretAccessKey: config.FILES_S3_SECRET_ACCESS_KEY } }),
    prefix: config.FILES_S3_PREFIX,
    forcePathStyle: config.FILES_S3_PATH_STYLE,
  });
}
