/** What an image's header says, before any pixel of it is decoded. */
import type { ImageTransform } from '@tidemark/contracts';
import type { ImageType } from '@tidemark/files';

export interface ImageFacts {
  type: ImageType;
  width: number;
  /** Of one page. */
  height: number;
  /** Frames of an animation; 1 otherwise. */
  pages: number;
  channels: number;
  /** Bytes of a channel of a pixel: 2 in 16-bit PNG. */
  depth: 1 | 2;
  progressive: boolean;
  /** Of the file. */
  bytes: number;
}

export type OutputFormat = 'jpeg' | 'png' | 'webp';

/** The format asked for, else the input's own; a GIF becomes WebP, which keeps its animation. */
export function outputFormat(facts: ImageFacts, transform: ImageTransform): OutputFormat {
  if (transform.format) return transform.format;
  if (facts.type === 'image/jpeg') return 'jpeg';
  return facts.type === 'image/png' ? 'png' : 'webp';
}

/** Pages that are decoded: all of them where the output can hold an animation, else the first. */
export function decodedPages(facts: ImageFacts, transform: ImageTransform): number {
  return outputFormat(facts, transform) === 'webp' ? facts.pages : 1;
}

/**
 * The most bytes that the transform holds decoded: input and output together. Streaming decoders need less; those
 * that keep the whole image (WebP, progressive JPEG, interlaced PNG) need this.
 */
export function decodedBytes(facts: ImageFacts, transform: ImageTransform): number {
  const pages = decodedPages(facts, transform);
  // libwebp and libnsgif decode to RGBA, whatever the file holds.
  const channels = facts.type === 'image/webp' || facts.type === 'image/gif' ? 4 : facts.channels;
  const pixel = channels * facts.depth;
  // libjpeg keeps a progressive image's coefficients (16 bits each) beside its pixels.
  const coefficients = facts.progressive && facts.type === 'image/jpeg' ? 2 : 0;
  return (
    facts.bytes +
    facts.width * facts.height * pages * channels * (facts.depth + coefficients) +
    outputPixels(facts, transform.resize) * pages * pixel
  );
}

/** Pixels of a page of the result; at least what sharp makes of it, whichever way the image is turned before. */
export function outputPixels(
  { width, height }: Pick<ImageFacts, 'width' | 'height'>,
  resize: ImageTransform['resize'],
): number {
  if (!resize?.width && !resize?.height) return width * height;
  const { width: w, height: h, fit } = resize;
  if (w && h && fit !== 'outside') return w * h;
  // An orientation tag may swap the sides: the larger result counts.
  const ratio = Math.max(width / height, height / width);
  if (w && h) return Math.ceil(Math.max(w, h * ratio)) * Math.ceil(Math.max(h, w * ratio));
  const edge = w ?? h ?? 1;
  if (fit === 'fill') return edge * Math.max(width, height);
  return edge * Math.ceil(edge * ratio);
}
