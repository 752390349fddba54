import fc from 'fast-check';
import sharp from 'sharp';
import t from 'tap';
import { type ImageFacts, outputFormat } from '../../src/images/image-facts.ts';
import { basePixels, decodedBytes, outputPixels } from '../../src/images/memory.ts';
import { probe } from '../../src/images/probe.ts';
import { transformImage } from '../../src/images/transform.ts';

const facts: ImageFacts = {
  type: 'image/jpeg',
  width: 100,
  height: 50,
  pages: 1,
  channels: 3,
  depth: 1,
  isGrey: false,
  hasProfile: false,
  progressive: false,
  bytes: 0,
};

t.test('counts the decoded bytes of input and output', async (t) => {
  t.equal(decodedBytes(facts, { greyscale: true }), 2 * 100 * 50 * 3);
  t.equal(decodedBytes({ ...facts, bytes: 7 }, { resize: { width: 10, height: 10 } }), 7 + 100 * 50 * 3 + 10 * 10 * 3);
  t.equal(decodedBytes({ ...facts, type: 'image/png', depth: 2, channels: 4 }, { blur: 1 }), 2 * 100 * 50 * 8);
  t.equal(decodedBytes({ ...facts, progressive: true }, { blur: 1 }), 100 * 50 * 9 + 100 * 50 * 3);
  const animation: ImageFacts = { ...facts, type: 'image/gif', pages: 10 };
  t.equal(decodedBytes(animation, { blur: 1 }), 2 * 100 * 50 * 4 * 10, 'kept as an animation');
  t.equal(decodedBytes(animation, { format: 'png' }), 2 * 100 * 50 * 4, 'the first page only');
  t.ok(decodedBytes(facts, { resize: { width: 16_384, height: 16_384 } }) > 800_000_000, 'a huge result counts');
  t.ok(
    decodedBytes({ ...facts, width: 16_000, height: 1 }, { resize: { height: 16_384 } }) > 1e11,
    'so does a lopsided one',
  );
});

t.test('chooses the requested format, else the input’s, else WebP', async (t) => {
  t.equal(outputFormat(facts, {}), 'jpeg');
  t.equal(outputFormat(facts, { format: 'png' }), 'png');
  t.equal(outputFormat({ ...facts, type: 'image/gif' }, {}), 'webp');
});

t.test('sharp never makes a larger result than was estimated', async (t) => {
  const edge = fc.integer({ min: 1, max: 40 });
  const side = fc.oneof(edge, fc.integer({ min: 1, max: 300 }));
  const fit = fc.constantFrom('cover', 'contain', 'fill', 'inside', 'outside');
  const resize = fc
    .record({ width: edge, height: edge, fit, enlarge: fc.boolean() }, { requiredKeys: [] })
    .filter((r) => r.width !== undefined || r.height !== undefined);
  const rotate = fc.constantFrom(undefined, 90, -180, 270, 30, 135.5);
  const type = fc.constantFrom('png', 'jpeg', 'webp');
  await fc.assert(
    fc.asyncProperty(type, side, side, resize, rotate, async (type, width, height, wanted, angle) => {
      const input = await sharp({ create: { width, height, channels: 3, background: 'red' } })
        .toFormat(type)
        .toBuffer();
      const probed = await probe(input, 'x', 1e6);
      const transform = { resize: wanted, ...(angle && { rotate: angle }) };
      const [made] = await transformImage({ input, name: 'x', facts: probed, transform, timeoutMs: 10_000 });
      return made!.width * made!.height <= outputPixels(basePixels(probed, transform), wanted);
    }),
    {
      numRuns: 100,
      examples: [
        // The rotated image has 3 × 2 pixels, although its exact sides are 3.1 and 2.4.
        ['png', 3, 1, { height: 3 }, 30],
        // libjpeg decodes it to 53 × 22 pixels, which is more oblong than the image.
        ['jpeg', 212, 90, { height: 16 }, undefined],
      ],
    },
  );
  t.pass();
});
