import { sniffImage, sniffType } from '@tidemark/files';
import type { Metadata } from 'sharp';
import { errors } from '../errors.ts';
import type { ImageFacts, InputType } from './image-facts.ts';
import { libvips } from './sharp.ts';
import { structureProblem } from './structure.ts';

/** Only these decoders are used: others (SVG, PDF, TIFF) follow references or run programs. */
function inputType(input: Buffer, name: string): InputType {
  if (input.byteLength === 0) throw errors.EMPTY_FILE({ name });
  const type = sniffImage(input) ?? sniffType(input);
  if (type === undefined) {
    if (SVG.test(input.toString('latin1', 0, SVG_HEAD_BYTES))) throw errors.IMAGE_TYPE({ name, type: 'SVG' });
    throw errors.NOT_AN_IMAGE({ name });
  }
  switch (type) {
    case 'image/heic':
    case 'image/bmp':
    case 'image/tiff':
    case 'application/pdf':
      throw errors.IMAGE_TYPE({ name, type: type.slice(type.indexOf('/') + 1).toUpperCase() });
    default:
      return type;
  }
}

const SVG = /<svg[\s>]/i;
const SVG_HEAD_BYTES = 1_024;

export async function probe(input: Buffer, name: string, maxPixels: number): Promise<ImageFacts> {
  const type = inputType(input, name);
  const metadata = await readHeader(input);
  if (!metadata) {
    throw errors.IMAGE_UNREADABLE({ name, reason: structureProblem(type, input) ?? 'its header is damaged' });
  }
  const pages = metadata.pages ?? 1;
  const page = { width: metadata.width, height: metadata.pageHeight ?? metadata.height };
  // Orientations from 5 on swap the sides.
  const isTurned = (metadata.orientation ?? 1) >= 5;
  const facts: ImageFacts = {
    type,
    width: isTurned ? page.height : page.width,
    height: isTurned ? page.width : page.height,
    pages,
    delay: metadata.delay,
    loop: metadata.loop,
    channels: metadata.channels,
    depth: metadata.depth === 'uchar' || metadata.depth === 'char' ? 1 : 2,
    isGrey: metadata.channels <= 2,
    hasProfile: metadata.hasProfile,
    progressive: metadata.isProgressive,
    bytes: input.byteLength,
  };
  const pixels = facts.width * facts.height * pages;
  if (pixels > maxPixels) throw errors.TOO_MANY_PIXELS({ name, pixels, limit: maxPixels });
  return facts;
}

/**
 * sharp takes a failure for a success, with a width of 0, where another thread has cleared the buffer of messages that
 * libvips shares between threads (metadata.cc: `baton->err.empty()`).
 */
async function readHeader(input: Buffer): Promise<Metadata | undefined> {
  try {
    // The limit of pixels is probe's own: sharp's error would have to be told from others by its words.
    const metadata = await libvips()(input, { limitInputPixels: false }).metadata();
    return metadata.width > 0 ? metadata : undefined;
  } catch {
    return undefined;
  }
}
