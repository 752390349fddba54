import { createHash } from 'node:crypto';
import sharp from 'sharp';
import t from 'tap';
import { type DemoImage, generateImages } from '../../src/images/generate-images.ts';

const digest = (image: DemoImage) => createHash('sha256').update(image.bytes).digest('hex');

t.test('images are real, varied, small and the same for a seed', async (t) => {
  const images: DemoImage[] = [];
  for await (const image of generateImages({ count: 45, seed: 7 })) images.push(image);
  t.equal(images.length, 45);
  t.equal(new Set(images.map(digest)).size, 45, 'no two alike');
  for (const image of images) {
    const { data, info } = await sharp(image.bytes).raw().toBuffer({ resolveWithObject: true });
    t.match(info, { width: image.width, height: image.height });
    t.ok(new Set(data).size > 40, 'many values of pixels');
    t.ok(image.bytes.length > 5_000 && image.bytes.length < 40_000, `${image.name} has ${image.bytes.length} bytes`);
  }
  t.same([...new Set(images.map((i) => i.contentType))].sort(), ['image/jpeg', 'image/png', 'image/webp']);
  let index = 0;
  for await (const again of generateImages({ count: 5, seed: 7 })) t.equal(digest(again), digest(images[index++]!));
  for await (const other of generateImages({ count: 1, seed: 8 })) t.not(digest(other), digest(images[0]!));
});

t.test('a reader may stop early', async (t) => {
  let seen = 0;
  for await (const image of generateImages({ count: 1_000_000, seed: 1 })) {
    if (image && ++seen === 3) break;
  }
  t.equal(seen, 3);
});
