import type { Sharp } from 'sharp';
import { libvips } from './libvips.ts';
import { createRandom, type Random } from './random.ts';
import { scene } from './scene.ts';

export interface DemoImage {
  name: string;
  contentType: 'image/jpeg' | 'image/png' | 'image/webp';
  width: number;
  height: number;
  bytes: Buffer;
}

export interface GenerateImagesOptions {
  count: number;
  /** Equal seeds give equal pixels, with the same release of sharp. */
  seed: number;
}

/** They use two of libuv's four threads, so that disk and DNS requests of the caller go on. */
const IN_WORK = 2;
/** Width and height; the sizes keep files below 40 KB in every format. */
const SIZES = [
  [320, 240],
  [400, 300],
  [480, 320],
  [360, 480],
  [512, 384],
] as const;
const FORMATS = ['jpeg', 'png', 'webp'] as const;

/** Yields drawn scenes with film grain, 7–25 KB each, in order; 300 take a few seconds on two cores. */
export async function* generateImages({ count, seed }: GenerateImagesOptions): AsyncGenerator<DemoImage> {
  const inWork: Promise<DemoImage>[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      if (inWork.length === IN_WORK) yield await (inWork.shift() as Promise<DemoImage>);
      inWork.push(generateImage(seed, index));
    }
    for (let image = inWork.shift(); image; image = inWork.shift()) yield await image;
  } finally {
    // When the reader stops early or an image fails, no work may go on in the background.
    await Promise.allSettled(inWork);
  }
}

async function generateImage(seed: number, index: number): Promise<DemoImage> {
  const random = createRandom(Math.imul(seed, 0x9e3779b1) + index);
  const [width, height] = SIZES[index % SIZES.length] ?? SIZES[0];
  const format = FORMATS[index % FORMATS.length] ?? 'jpeg';
  const { default: sharp } = await libvips();
  const drawn = sharp(Buffer.from(scene(random, width, height))).removeAlpha();
  // PNG stores the grain without loss, which would make the file ten times as large.
  const image = format === 'png' ? drawn : await withGrain(drawn, random);
  const bytes = await encode(image, format);
  return {
    name: `scene-${String(index).padStart(4, '0')}.${format === 'jpeg' ? 'jpg' : format}`,
    contentType: `image/${format}`,
    width,
    height,
    bytes,
  };
}

/** Without noise, as of a camera's sensor, an encoder shrinks a drawing to nothing. */
async function withGrain(image: Sharp, random: Random): Promise<Sharp> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const grain = Int8Array.from({ length: 4_099 }, () => random.integer(-9, 9));
  for (let i = 0, g = 0; i < data.length; i += 1, g = g === 4_098 ? 0 : g + 1) {
    data[i] = Math.max(0, Math.min(255, (data[i] ?? 0) + (grain[g] ?? 0)));
  }
  const { default: sharp } = await libvips();
  return sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } });
}

function encode(image: Sharp, format: (typeof FORMATS)[number]): Promise<Buffer> {
  if (format === 'jpeg') return image.jpeg({ quality: 82 }).toBuffer();
  if (format === 'webp') return image.webp({ quality: 82, effort: 2 }).toBuffer();
  return image.png({ compressionLevel: 6 }).toBuffer();
}
