import type { ImageTransform } from '@tidemark/contracts';
import sharp, { type Sharp } from 'sharp';
import t, { type Test } from 'tap';
import { probe } from '../../src/images/probe.ts';
import { transformImage } from '../../src/images/transform.ts';

sharp.concurrency(1);
sharp.cache(false);

async function transformed(input: Buffer, transform: ImageTransform) {
  const facts = await probe(input, 'x', 1e8);
  return transformImage({ input, name: 'x', facts, transform, timeoutMs: 30_000 });
}

async function one(input: Buffer, transform: ImageTransform): Promise<Buffer> {
  return (await transformed(input, transform))[0]!.bytes;
}

const solid = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 3, background } });

/** Four quarters: red and lime above, blue and white below. */
async function quarters(width: number, height: number): Promise<Sharp> {
  const half = { width: width / 2, height: height / 2 };
  const parts = [
    { background: 'red', left: 0, top: 0 },
    { background: 'lime', left: half.width, top: 0 },
    { background: 'blue', left: 0, top: half.height },
  ];
  const composites = await Promise.all(
    parts.map(async ({ background, left, top }) => ({
      input: await solid(half.width, half.height, background).png().toBuffer(),
      left,
      top,
    })),
  );
  return sharp(await solid(width, height, 'white').composite(composites).png().toBuffer());
}

/** The 8-bit RGB at a place, as a fraction of the sides. Stored profiles are ignored: the bytes themselves must be sRGB. */
async function colourAt(image: Buffer, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(image, { ignoreIcc: true })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const at = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels;
  return [...data.subarray(at, at + 3)];
}

async function isNear(t: Test, image: Buffer, [x, y]: [number, number], wanted: number[], what: string) {
  const found = await colourAt(image, x, y);
  t.ok(
    wanted.every((value, n) => Math.abs(value - found[n]!) <= 6),
    `${what}: ${found} is about ${wanted}`,
  );
}

const RED = [255, 0, 0];
const LIME = [0, 255, 0];
const BLUE = [0, 0, 255];
const WHITE = [255, 255, 255];
const CORNERS: [number, number][] = [
  [0.1, 0.1],
  [0.9, 0.1],
  [0.1, 0.9],
  [0.9, 0.9],
];

async function cornersAre(t: Test, image: Buffer, colours: number[][], what: string) {
  for (const [n, corner] of CORNERS.entries()) await isNear(t, image, corner, colours[n]!, `${what}, corner ${n}`);
}

t.test('every format has the pixels of its input, resized', async (t) => {
  const input = await (await quarters(400, 200)).png().toBuffer();
  for (const format of ['jpeg', 'png', 'webp', 'avif'] as const) {
    for (const compress of [false, true]) {
      const made = await one(input, { resize: { width: 100 }, format, quality: 95, compress });
      const metadata = await sharp(made).metadata();
      t.match(metadata, { format: format === 'avif' ? 'heif' : format, width: 100, height: 50 });
      await cornersAre(t, made, [RED, LIME, BLUE, WHITE], `${format} ${compress}`);
    }
  }
});

t.test('crops, then rotates, then resizes', async (t) => {
  const input = await (await quarters(200, 100)).png().toBuffer();
  const crop = { left: 50, top: 25, width: 100, height: 50 };
  await cornersAre(t, await one(input, { crop }), [RED, LIME, BLUE, WHITE], 'the middle');
  const turned = await one(input, { crop, rotate: 90, resize: { width: 20 } });
  t.match(await sharp(turned).metadata(), { width: 20, height: 40 });
  await cornersAre(t, turned, [BLUE, RED, WHITE, LIME], 'turned');
  const tilted = await one(input, { rotate: 45, background: '#ffff00' });
  await isNear(t, tilted, [0.02, 0.02], [255, 255, 0], 'the background of the corner');
  const clear = await sharp(await one(input, { rotate: 45 })).metadata();
  t.equal(clear.hasAlpha, true, 'without a background the corners are transparent');
  await t.rejects(transformed(input, { crop: { left: 150, top: 0, width: 100, height: 50 } }), {
    code: 'BATCH_TRANSFORM_FAILED',
    message: /the crop of 100 × 50 at 150, 0 leaves the image, which has 200 × 100 pixels/,
  });
});

t.test('applies the EXIF orientation once, for each of the eight', async (t) => {
  for (let orientation = 1; orientation <= 8; orientation += 1) {
    // The pixels are stored so that the orientation makes them upright.
    const upright = await (await quarters(80, 40)).png().toBuffer();
    const stored = await stored8(upright, orientation);
    const once = await one(stored, { metadata: 'keep', quality: 95 });
    const metadata = await sharp(once).metadata();
    t.match(metadata, { width: 80, height: 40 }, `orientation ${orientation}`);
    t.equal(metadata.orientation ?? 1, 1, 'viewers do not turn it again');
    await cornersAre(t, once, [RED, LIME, BLUE, WHITE], `orientation ${orientation}`);
    const cropped = await one(stored, { crop: { left: 40, top: 20, width: 40, height: 20 }, quality: 95 });
    await cornersAre(t, cropped, [WHITE, WHITE, WHITE, WHITE], 'the crop is of the upright image');
  }
});

/** The inverse of each orientation: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf, table 6. */
async function stored8(upright: Buffer, orientation: number): Promise<Buffer> {
  const image = sharp(upright);
  if (orientation === 2) image.flop();
  if (orientation === 3) image.rotate(180);
  if (orientation === 4) image.flip();
  if (orientation === 6) image.rotate(270);
  if (orientation === 8) image.rotate(90);
  let pixels = await image.png().toBuffer();
  if (orientation === 5 || orientation === 7) {
    pixels = await sharp(await sharp(upright).flop().png().toBuffer())
      .rotate(orientation === 5 ? 270 : 90)
      .png()
      .toBuffer();
  }
  return sharp(pixels).withMetadata({ orientation }).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
}

t.test('strips metadata, or keeps it when asked', async (t) => {
  const exif = { IFD0: { Copyright: 'Ada' }, IFD3: { GPSLatitude: '52/1 30/1 0/1' } };
  const input = await solid(40, 20, 'red').withExif(exif).jpeg().toBuffer();
  t.equal((await sharp(await one(input, { quality: 80 })).metadata()).exif, undefined);
  for (const format of ['jpeg', 'png', 'webp', 'avif'] as const) {
    const kept = await sharp(await one(input, { format, metadata: 'keep' })).metadata();
    t.ok(kept.exif?.includes('Ada\0'), format);
  }
  const sizes = await transformed(input, { sizes: [{ width: 10 }, { width: 20 }], metadata: 'keep' });
  for (const { bytes } of sizes) t.ok((await sharp(bytes).metadata()).exif?.includes('Ada\0'));
});

t.test('makes CMYK and wide gamut sRGB, in 8 and in 16 bits', async (t) => {
  const cmyk = await solid(40, 20, '#c04020')
    .toColourspace('cmyk')
    .withIccProfile('cmyk')
    .jpeg({ quality: 100 })
    .toBuffer();
  t.equal((await sharp(cmyk).metadata()).space, 'cmyk');
  for (const format of ['jpeg', 'png', 'webp', 'avif'] as const) {
    const made = await one(cmyk, { format, quality: 100 });
    t.match(await sharp(made).metadata(), { space: 'srgb', hasProfile: false });
    await isNear(t, made, [0.5, 0.5], [189, 61, 21], `CMYK as ${format}`);
  }
  const wide = await solid(40, 20, '#c04020').withIccProfile('p3').png().toBuffer();
  t.not(await colourAt(wide, 0.5, 0.5), [192, 64, 32], 'the bytes are those of Display P3');
  await isNear(t, await one(wide, { quality: 90 }), [0.5, 0.5], [192, 64, 32], 'Display P3');

  const deep = await sharp(words([49_344, 16_448, 8_224]), { raw: { width: 32, height: 32, channels: 3 } })
    .toColourspace('rgb16')
    .withIccProfile('p3')
    .png()
    .toBuffer();
  // 192, 64, 32 of Display P3 in sRGB, by https://www.w3.org/TR/css-color-4/#color-conversion-code
  for (const transform of [{ format: 'png' }, { format: 'jpeg', quality: 100 }, { rotate: 90 }] as const) {
    await isNear(t, await one(deep, transform), [0.5, 0.5], [208, 50, 7], `16 bits, ${JSON.stringify(transform)}`);
  }
});

function words(pixel: number[]): Uint16Array {
  return Uint16Array.from({ length: 32 * 32 * pixel.length }, (_, n) => pixel[n % pixel.length]!);
}

t.test('16-bit PNG stays 16-bit, to the last bit', async (t) => {
  for (const [channels, space] of [
    [1, 'grey16'],
    [3, 'rgb16'],
  ] as const) {
    const values = Uint16Array.from({ length: 32 * 32 * channels }, (_, n) => (n * 21) % 65_536);
    const input = await sharp(values, { raw: { width: 32, height: 32, channels } })
      .toColourspace(space)
      .png()
      .toBuffer();
    const same = await one(input, { compress: true });
    t.match(await sharp(same).metadata(), { depth: 'ushort', channels });
    const read = await sharp(same).toColourspace(space).raw({ depth: 'ushort' }).toBuffer();
    t.same(new Uint16Array(read.buffer, read.byteOffset, values.length), values);
    for (const transform of [{ resize: { width: 8 } }, { rotate: 90 }, { sizes: [{ width: 8 }, { width: 4 }] }]) {
      for (const { bytes } of await transformed(input, transform)) {
        t.match(await sharp(bytes).metadata(), { depth: 'ushort', channels }, JSON.stringify(transform));
      }
    }
    t.match(await sharp(await one(input, { greyscale: true })).metadata(), { depth: 'ushort', channels: 1 });
    t.match(await sharp(await one(input, { format: 'webp' })).metadata(), { depth: 'uchar' });
  }
});

t.test('an animation keeps its frames, delays and loops', async (t) => {
  const frames = await Promise.all(['red', 'lime', 'blue'].map((colour) => solid(40, 20, colour).png().toBuffer()));
  const gif = await sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 250, 1_000], loop: 2 })
    .toBuffer();
  const wanted = { pages: 3, delay: [100, 250, 1_000], loop: 2 };
  const read = (bytes: Buffer) => sharp(bytes, { animated: true }).metadata();
  for (const transform of [
    { resize: { width: 20 } },
    { crop: { left: 0, top: 0, width: 20, height: 10 } },
  ] as ImageTransform[]) {
    const made = await one(gif, { ...transform, quality: 95 });
    t.match(await read(made), { ...wanted, width: 20, pageHeight: 10 }, JSON.stringify(transform));
    const second = await sharp(made, { page: 1 }).png().toBuffer();
    await isNear(t, second, [0.5, 0.5], LIME, 'the second frame');
  }
  const sizes = await transformed(gif, { sizes: [{ width: 20 }, { width: 10 }, { width: 30, format: 'png' }] });
  t.match(await read(sizes[0]!.bytes), { ...wanted, width: 20, pageHeight: 10 });
  t.match(await read(sizes[1]!.bytes), { ...wanted, width: 10, pageHeight: 5 });
  t.match(await read(sizes[2]!.bytes), { format: 'png', width: 30, height: 15 }, 'PNG takes the first frame');
  await isNear(t, sizes[2]!.bytes, [0.5, 0.5], RED, 'the first frame');
  await t.rejects(transformed(gif, { rotate: 90 }), { message: /an animation cannot be rotated/ });
  t.match(await sharp(await one(gif, { rotate: 90, format: 'png' })).metadata(), { width: 20, height: 40 });
});

t.test('several sizes come from one decoding, each as if made alone', async (t) => {
  const input = await (await quarters(600, 400)).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer();
  const sizes = [
    { width: 300, format: 'webp' as const },
    { width: 60, height: 60, fit: 'cover' as const, format: 'png' as const },
    { width: 1_200, enlarge: false },
    { height: 100, format: 'avif' as const, quality: 90 },
  ];
  const made = await transformed(input, { sizes, quality: 95 });
  t.same(
    made.map(({ format, width, height }) => ({ format, width, height })),
    [
      { format: 'webp', width: 300, height: 200 },
      { format: 'png', width: 60, height: 60 },
      { format: 'jpeg', width: 600, height: 400 },
      { format: 'avif', width: 150, height: 100 },
    ],
  );
  for (const { bytes, format } of made) await cornersAre(t, bytes, [RED, LIME, BLUE, WHITE], format);
});

t.test('refuses formats that are not read, and sizes that a format does not have', async (t) => {
  const heic = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(12)]);
  const svg = Buffer.from(
    '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
  );
  await t.rejects(probe(heic, 'a.heic', 1e6), {
    code: 'BATCH_IMAGE_TYPE',
    message: '"a.heic" is HEIC, which is not read',
  });
  await t.rejects(probe(svg, 'a.svg', 1e6), { code: 'BATCH_IMAGE_TYPE', message: /is SVG/ });
  await t.rejects(probe(Buffer.from('%PDF-1.7\n and more'), 'a.pdf', 1e6), { message: /is PDF/ });
  await t.rejects(probe(Buffer.alloc(0), 'a.png', 1e6), { code: 'BATCH_EMPTY_FILE' });
  await t.rejects(probe(Buffer.from('nothing at all'), 'a.png', 1e6), { code: 'BATCH_NOT_AN_IMAGE' });
  const avif = await solid(64, 64, 'red').avif().toBuffer();
  await t.rejects(transformed(avif.subarray(0, avif.length - 60), { blur: 1 }), { code: 'BATCH_IMAGE_UNREADABLE' });
  const long = await solid(17_000, 4, 'red').png().toBuffer();
  for (const [format, side] of [
    ['webp', '16383'],
    ['avif', '16384'],
  ] as const) {
    await t.rejects(transformed(long, { format }), {
      code: 'BATCH_TRANSFORM_FAILED',
      message: new RegExp(`${format} allows ${side} pixels a side, and the transform has 17000`),
    });
  }
});
