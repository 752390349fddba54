/** The steps of a transform as operations of sharp, whose own order would put a rotation after the resizing. */
import type { ImageTransform } from '@tidemark/contracts';
import type { Sharp } from 'sharp';
import type { ImageFacts, Output } from './image-facts.ts';
import { libvips } from './sharp.ts';

/** There are no visible artefacts, at about a tenth of the size of the pixels. */
const DEFAULT_QUALITY = 80;
/** It looks as good as quality 80 of the other formats. */
const DEFAULT_AVIF_QUALITY = 55;
/** libaom takes 24 s for 9 megapixels with sharp's default of 4, and a fifth of that with 2. */
const AVIF_EFFORT = 2;
const COMPRESSING_AVIF_EFFORT = 5;
const CLEAR = '#00000000';
const WHITE = '#ffffff';

/** True when the image is decoded to pixels first: a rotation ends a pipeline, and several sizes share one decoding. */
export function needsBase({ rotate, sizes, metadata }: ImageTransform): boolean {
  // Pixels have no metadata, so that the sizes that keep it are decoded one by one.
  return Boolean(rotate) || (sizes !== undefined && sizes.length > 1 && metadata !== 'keep');
}

/** Opens the encoded image, upright, cropped and in sRGB. */
export function openImage(input: Buffer, animated: boolean, facts: ImageFacts, { crop }: ImageTransform): Sharp {
  const image = libvips()(input, { animated, sequentialRead: true }).autoOrient();
  if (crop) image.extract(crop);
  // sharp would leave the pixels of a wide-gamut 16-bit image in the colours of Display P3, without saying so.
  if (isDeep(facts) && facts.hasProfile && !facts.isGrey) image.withIccProfile('srgb', { attach: false });
  return image;
}

const isDeep = ({ depth }: ImageFacts) => depth === 2;

export interface Base {
  pixels: Buffer;
  width: number;
  height: number;
  channels: 1 | 2 | 3 | 4;
  pageHeight: number | undefined;
}

/** Decodes once, and rotates. The background is of the corners. */
export async function decodeBase(image: Sharp, facts: ImageFacts, transform: ImageTransform): Promise<Base> {
  const base = await toPixels(image, facts);
  if (!transform.rotate) return base;
  return toPixels(openBase(base, facts).rotate(transform.rotate, { background: transform.background ?? CLEAR }), facts);
}

async function toPixels(image: Sharp, facts: ImageFacts): Promise<Base> {
  if (isDeep(facts)) image.toColourspace(facts.isGrey ? 'grey16' : 'rgb16');
  const raw = image.raw(isDeep(facts) ? { depth: 'ushort' } : {});
  const { data, info } = await raw.toBuffer({ resolveWithObject: true });
  const { width, height, channels, pageHeight } = info;
  return { pixels: data, width, height, channels, pageHeight };
}

export function openBase({ pixels, width, height, channels, pageHeight }: Base, facts: ImageFacts): Sharp {
  const words = () => new Uint16Array(pixels.buffer, pixels.byteOffset, pixels.byteLength / 2);
  const raw = { width, height, channels, ...(pageHeight ? { pageHeight } : {}) };
  // The option makes sharp count the pages of raw pixels.
  return libvips()(isDeep(facts) ? words() : pixels, {
    raw,
    animated: pageHeight !== undefined,
    limitInputPixels: false,
  });
}

export function applySteps(image: Sharp, output: Output, facts: ImageFacts, transform: ImageTransform): Sharp {
  const { format, resize } = output;
  const background = transform.background ?? (format === 'jpeg' ? WHITE : CLEAR);
  if (resize) {
    const { enlarge = true, ...size } = resize;
    image.resize({ ...size, background, withoutEnlargement: !enlarge });
  }
  if (transform.greyscale) image.greyscale();
  if (transform.blur) image.blur(transform.blur);
  // JPEG has no transparency; transparent pixels become white instead of black.
  if (format === 'jpeg') image.flatten({ background });
  if (format === 'png' && isDeep(facts)) image.toColourspace(facts.isGrey || transform.greyscale ? 'grey16' : 'rgb16');
  if (transform.metadata === 'keep') image.keepExif().keepXmp();
  return encode(image, output, facts, transform.compress === true);
}

function encode(image: Sharp, { format, quality }: Output, facts: ImageFacts, compress: boolean): Sharp {
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality: quality ?? DEFAULT_QUALITY, mozjpeg: compress });
    case 'png':
      // PNG is lossless here; the quality option of sharp would reduce the colours.
      return image.png(compress ? { compressionLevel: 9, adaptiveFiltering: true } : {});
    case 'avif':
      return image.avif({
        quality: quality ?? DEFAULT_AVIF_QUALITY,
        effort: compress ? COMPRESSING_AVIF_EFFORT : AVIF_EFFORT,
      });
    case 'webp':
      return image.webp({ quality: quality ?? DEFAULT_QUALITY, effort: compress ? 6 : 4, ...animation(facts) });
  }
}

/** Pixels have no delays. */
function animation({ pages, delay, loop }: ImageFacts): { delay?: number[]; loop?: number } {
  return pages > 1 ? { ...(delay && { delay }), ...(loop !== undefined && { loop }) } : {};
}
