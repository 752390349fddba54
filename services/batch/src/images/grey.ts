/** Decodes the first page of an image, upright, to 8-bit pixels. */
import type { Sharp } from 'sharp';
import { errors } from '../errors.ts';
import type { ImageFacts } from './image-facts.ts';
import { libvips } from './sharp.ts';
import { structureProblem } from './structure.ts';

interface Decoding {
  input: Buffer;
  name: string;
  facts: ImageFacts;
  /** Transparent pixels become it. */
  background: string;
  /** Default: the size of the image. */
  size?: { width: number; height: number };
}

interface Pixels {
  pixels: Uint8Array;
  width: number;
  height: number;
}

export const greyPixels = (decoding: Decoding): Promise<Pixels> =>
  decode(decoding, (image) => image.greyscale(), 'b-w');

/** Three bytes a pixel. */
export const rgbPixels = (decoding: Decoding): Promise<Pixels> => decode(decoding, (image) => image, 'srgb');

async function decode(
  { input, name, facts, background, size }: Decoding,
  convert: (image: Sharp) => Sharp,
  space: string,
): Promise<Pixels> {
  try {
    const image = convert(libvips()(input, { sequentialRead: true, limitInputPixels: false }).autoOrient());
    if (size) image.resize({ ...size, fit: 'fill' });
    image.flatten({ background }).toColourspace(space);
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    // sharp may take a failure for a success (see probe.ts), and then has no pixels.
    if (data.length === 0 || data.length !== info.width * info.height * info.channels) throw new Error('no pixels');
    return { pixels: data, width: info.width, height: info.height };
  } catch (cause) {
    const reason = structureProblem(facts.type, input) ?? 'its pixels cannot be decoded';
    throw errors.IMAGE_UNREADABLE({ name, reason }, { cause });
  }
}

/** Bytes of the decoder, of the first page: all channels, and twice as many for progressive JPEG, which keeps coefficients. */
export function decoderBytes(facts: ImageFacts): number {
  const channels = facts.type === 'image/webp' || facts.type === 'image/gif' ? 4 : facts.channels;
  const coefficients = facts.progressive && facts.type === 'image/jpeg' ? 2 : 0;
  return facts.bytes + facts.width * facts.height * channels * (facts.depth + coefficients);
}
