import { type Static, Type } from 'typebox';
import { fileErrors } from './errors.ts';
import type { FileStoreOptions } from './open-store.ts';

/** Services spread these into their own schema, and must all have the same values. */
export const fileStoreConfig = {
  TIDEMARK_FILES_DIR: Type.String({
    default: '',
    description: 'folder of the file store, the same for gateway and batch; needed unless a bucket is named',
  }),
  FILES_S3_BUCKET: Type.String({
    default: '',
    description: 'bucket for the bytes, the same for gateway and batch; empty: TIDEMARK_FILES_DIR',
  }),
  FILES_S3_ENDPOINT: Type.String({ default: '', description: 'URL of a server that speaks S3; empty: Amazon’s' }),
  FILES_S3_REGION: Type.String({ default: 'us-east-1' }),
  FILES_S3_ACCESS_KEY_ID: Type.String({ default: '', description: 'empty: the AWS SDK’s own chain of credentials' }),
  FILES_S3_SECRET_ACCESS_KEY: Type.String({ default: '' }),
  FILES_S3_PREFIX: Type.String({ default: '', description: 'in front of every key of the bucket' }),
  FILES_S3_PATH_STYLE: Type.Boolean({
    default: true,
    description: 'bucket in the path instead of the host name: what servers other than Amazon’s want; both work there',
  }),
};

export type FileStoreConfig = { readonly [K in keyof typeof fileStoreConfig]: Static<(typeof fileStoreConfig)[K]> };

/** Returns plain data, so that it may be sent to a worker thread. */
export function fileStoreOptions(config: FileStoreConfig): FileStoreOptions {
  if (config.FILES_S3_BUCKET === '') {
    if (config.TIDEMARK_FILES_DIR === '') throw fileErrors.NO_STORE({});
    return { dir: config.TIDEMARK_FILES_DIR };
  }
  const accessKeyId = config.FILES_S3_ACCESS_KEY_ID;
  return {
    bucket: config.FILES_S3_BUCKET,
    region: config.FILES_S3_REGION,
    ...(config.FILES_S3_ENDPOINT === '' ? {} : { endpoint: config.FILES_S3_ENDPOINT }),
    ...(accessKeyId === '' ? {} : { credentials: { accessKeyId, secretAccessKey: config.FILES_S3_SECRET_ACCESS_KEY } }),
    prefix: config.FILES_S3_PREFIX,
    forcePathStyle: config.FILES_S3_PATH_STYLE,
  };
}
