import { sniffImage } from '@tidemark/files';
import sharp, { type Sharp } from 'sharp';
import t from 'tap';
import { probe } from '../../src/images/probe.ts';
import { structureProblem } from '../../src/images/structure.ts';
import { transformImage } from '../../src/images/transform.ts';

const noise = (edge: number): Sharp =>
  sharp({
    create: {
      width: edge,
      height: edge,
      channels: 3,
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
      background: 'red',
    },
  });
const images = {
  png: await noise(60).png().toBuffer(),
  jpeg: await noise(60).jpeg().toBuffer(),
  progressive: await noise(60).jpeg({ progressive: true }).toBuffer(),
  webp: await noise(60).webp().toBuffer(),
  gif: await noise(60).gif().toBuffer(),
};
const problemOf = (bytes: Buffer) => structureProblem(sniffImage(bytes)!, bytes);

t.test('finds nothing wrong with whole images', async (t) => {
  for (const [name, bytes] of Object.entries(images)) t.equal(problemOf(bytes), undefined, name);
});

t.test('says where an image that was cut or changed is damaged', async (t) => {
  const cut = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2));
  t.match(problemOf(cut(images.png)), /ends within the chunk IDAT/);
  t.match(problemOf(cut(images.jpeg)), /end-of-image/);
  t.match(problemOf(cut(images.webp)), /of the \d+ bytes/);
  const changed = Buffer.from(images.png);
  changed[images.png.length - 40]! ^= 0xff;
  t.match(problemOf(changed), /checksum of the chunk IDAT/);
  t.match(problemOf(images.jpeg.subarray(0, 30)), /first scan|marker/);
});

t.test('damaged images are told from whole ones, however many threads of libvips fail at the same time', async (t) => {
  sharp.concurrency(1);
  const damaged = images.jpeg.subarray(0, 1_500);
  const tooLarge = { resize: { width: 16_384, height: 1, fit: 'fill' as const }, format: 'webp' as const };
  const codeOf = async (input: Buffer, transform: object) => {
    try {
      const facts = await probe(input, 'x', 1e9);
      await transformImage({ input, name: 'x', facts, transform, timeoutMs: 30_000 });
      return 'done';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  for (let round = 0; round < 100; round += 1) {
    const codes = await Promise.all([
      codeOf(damaged, { greyscale: true }),
      codeOf(images.png, tooLarge),
      codeOf(images.gif.subarray(0, 12), { greyscale: true }),
      codeOf(images.jpeg, { resize: { width: 20 } }),
    ]);
    t.same(codes, ['BATCH_IMAGE_UNREADABLE', 'BATCH_TRANSFORM_FAILED', 'BATCH_IMAGE_UNREADABLE', 'done']);
  }
});
