import type { Database } from '@tidemark/db';
import { createFileRegistry, type FileStore, type NewFile } from '@tidemark/files';
import { generateImages } from './generate-images.ts';

const DEMO_BUCKET = 'demo';
export const DEMO_IMAGES_PREFIX = 'demo/images/';
const COUNT = 300;
const SEED = 1;
const LIMIT_BYTES = 4 * 1024 ** 2;

export async function loadDemoImages(db: Database, store: FileStore, count: number = COUNT): Promise<number> {
  const { write } = db.pools;
  const [there] = await write.query('select from tidemark.files where bucket = $1 and starts_with(path, $2) limit 1', [
    DEMO_BUCKET,
    DEMO_IMAGES_PREFIX,
  ]);
  if (there) return 0;
  const files: NewFile[] = [];
  for await (const image of generateImages({ count, seed: SEED })) {
    const { key, size, sha256 } = await store.put(image.bytes, { limitBytes: LIMIT_BYTES });
    files.push({
      path: `${DEMO_IMAGES_PREFIX}${image.name}`,
      contentType: image.contentType,
      size,
      sha256,
      storageKey: key,
      metadata: { width: image.width, height: image.height },
      bucket: DEMO_BUCKET,
      owner: null,
      visibility: 'public',
    });
  }
  const registry = createFileRegistry(write);
  await write.transaction((tx) => registry.insert(tx, files));
  return files.length;
}
