/** Files that no kind of image may read, and one that it reads under a wrong name. */
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { type BatchStack, SERVICE } from './batch-stack.ts';

/** The key is the name of the file, the value its failure where BATCH_MEMORY_MB is 64. */
export const POISON_CODES = {
  'z1-text.png': 'BATCH_NOT_AN_IMAGE',
  'z2-cut.jpg': 'BATCH_IMAGE_UNREADABLE',
  'z3-svg.svg': 'BATCH_IMAGE_TYPE',
  'z4-bomb.png': 'BATCH_TOO_MANY_PIXELS',
  'z5-large.png': 'BATCH_IMAGE_TOO_LARGE',
  'z6-empty.gif': 'BATCH_EMPTY_FILE',
  'z7-head.png': 'BATCH_IMAGE_UNREADABLE',
  'z8-gone.jpg': 'BATCH_INPUT_GONE',
  'z9-bomb.png': 'BATCH_TOO_MANY_PIXELS',
};

/** Adds the files of POISON_CODES, and `za-named.png`, a good JPEG. */
export async function addPoison(stack: BatchStack, prefix: string): Promise<void> {
  const good = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(500, 7)]);
  await stack.addFile(`${prefix}z1-text.png`, Buffer.from('not an image at all'));
  await stack.addFile(`${prefix}z2-cut.jpg`, (await noisyJpeg()).subarray(0, 4_000));
  await stack.addFile(`${prefix}z3-svg.svg`, Buffer.from(svg));
  await stack.addFile(`${prefix}z4-bomb.png`, await bomb(16_000));
  await stack.addFile(`${prefix}z5-large.png`, await bomb(7_000));
  await stack.addFile(`${prefix}z6-empty.gif`, Buffer.alloc(0));
  await stack.addFile(`${prefix}z9-bomb.png`, hugePng(50_000));
  await stack.addFile(`${prefix}za-named.png`, await noisyJpeg());
  await stack.addFile(`${prefix}z7-head.png`, png);
  const gone = await stack.addFile(`${prefix}z8-gone.jpg`, good);
  await stack.store.delete((await stack.registry.find(SERVICE, gone))!.storage_key);
}

/** A PNG of `edge`² pixels in a hundredth of their bytes; the highest level would take seconds. */
const bomb = (edge: number) =>
  sharp({ create: { width: edge, height: edge, channels: 3, background: 'red' }, limitInputPixels: false })
    .png({ compressionLevel: 1 })
    .toBuffer();

/** A PNG of one row of zeros that says it has `edge`² pixels; its checksums are right. */
function hugePng(edge: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, checksum]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(edge, 0);
  header.writeUInt32BE(edge, 4);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const pixels = chunk('IDAT', deflateSync(Buffer.alloc(3 * edge + 1)));
  return Buffer.concat([signature, chunk('IHDR', header), pixels, chunk('IEND', Buffer.alloc(0))]);
}

/** A photograph of noise. */
const noisyJpeg = () =>
  sharp({
    create: {
      width: 300,
      height: 300,
      channels: 3,
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
      background: 'red',
    },
  })
    .jpeg()
    .toBuffer();
