import { sniffImage } from '@tidemark/files';
import sharp, { type Metadata } from 'sharp';
import { errors } from '../errors.ts';
import type { ImageFacts } from './image-facts.ts';

/**
 * Reads an image's header; decodes nothing.
 * @throws BATCH_NOT_AN_IMAGE, BATCH_IMAGE_UNREADABLE, BATCH_TOO_MANY_PIXELS
 */
export async function probe(input: Buffer, name: string, maxPixels: number): Promise<ImageFacts> {
  // Only these four decoders are ever reached: others (SVG, PDF, TIFF) follow references or run programs of their own.
  const type = sniffImage(input);
  if (!type) throw errors.NOT_AN_IMAGE({ name });
  let metadata: Metadata;
  try {
    // The check for pixels comes below, with our own error; sharp's would need it decoded to a different one.
    metadata = await sharp(input, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw errors.IMAGE_UNREADABLE({ name, reason: reasonOf(cause) }, { cause });
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

/** libvips repeats itself over several lines; the first says it. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
