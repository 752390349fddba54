import { sniffImage } from '@tidemark/files';
import sharp, { type Metadata } from 'sharp';
import { errors } from '../errors.ts';
import type { ImageFacts } from './image-facts.ts';
import { structureProblem } from './structure.ts';

export async function probe(input: Buffer, name: string, maxPixels: number): Promise<ImageFacts> {
  // Only these four decoders are used: others (SVG, PDF, TIFF) follow references or run programs.
  const type = sniffImage(input);
  if (!type) throw errors.NOT_AN_IMAGE({ name });
  const metadata = await readHeader(input);
  if (!metadata) {
    throw errors.IMAGE_UNREADABLE({ name, reason: structureProblem(type, input) ?? 'its header is damaged' });
  }
  const pages = metadata.pages ?? 1;
  const facts: ImageFacts = {
    type,
    width: metadata.width,
    height: metadata.pageHeight ?? metadata.height,
    pages,
    channels: metadata.channels,
    depth: metadata.depth === 'uchar' || metadata.depth === 'char' ? 1 : 2,
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
    const metadata = await sharp(input, { limitInputPixels: false }).metadata();
    return metadata.width > 0 ? metadata : undefined;
  } catch {
    return undefined;
  }
}
