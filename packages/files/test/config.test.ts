import t from 'tap';
import { type FileStoreConfig, fileStoreOptions } from '../src/config.ts';

const config: FileStoreConfig = {
  TIDEMARK_FILES_DIR: '',
  FILES_S3_BUCKET: '',
  FILES_S3_ENDPOINT: '',
  FILES_S3_REGION: 'us-east-1',
  FILES_S3_ACCESS_KEY_ID: '',
  FILES_S3_SECRET_ACCESS_KEY: '',
  FILES_S3_PREFIX: '',
  FILES_S3_PATH_STYLE: true,
};

t.test('takes a folder or a bucket, and requires one of them', async (t) => {
  t.same(fileStoreOptions({ ...config, TIDEMARK_FILES_DIR: '/files' }), { dir: '/files' });
  t.match(fileStoreOptions({ ...config, FILES_S3_BUCKET: 'images' }), { bucket: 'images', region: 'us-east-1' });
  t.throws(() => fileStoreOptions(config), { code: 'FILES_NO_STORE', hint: /TIDEMARK_FILES_DIR.*FILES_S3_BUCKET/ });
});
