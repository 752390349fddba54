/** Starts s3rver, an S3 server that keeps its objects in a folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import S3rver from 's3rver';

export interface TestS3 {
  readonly options: {
    readonly bucket: string;
    readonly region: string;
    readonly endpoint: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    readonly prefix: string;
    readonly forcePathStyle: boolean;
  };
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** The only account of s3rver, used as key and as secret. */
const ACCOUNT = 'S3RVER';

export async function startTestS3(): Promise<TestS3> {
  const bucket = 'files';
  const prefix = 'tidemark/';
  const directory = await mkdtemp(path.join(os.tmpdir(), 'tidemark-s3-'));
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: [{ name: bucket, configs: [] }],
  });
  const { port } = await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    options: {
      bucket,
      endpoint,
      prefix,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: ACCOUNT, secretAccessKey: ACCOUNT },
    },
    env: {
      FILES_S3_BUCKET: bucket,
      FILES_S3_ENDPOINT: endpoint,
      FILES_S3_PREFIX: prefix,
      FILES_S3_ACCESS_KEY_ID: ACCOUNT,
      FILES_S3_SECRET_ACCESS_KEY: ACCOUNT,
    },
    async stop() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
