import type { ImageTransform } from '@tidemark/contracts';
import type { ImageType } from '@tidemark/files';

export interface ImageFacts {
  type: ImageType;
  width: number;
  /** Height of one page. */
  height: number;
  /** Frames of an animation; 1 otherwise. */
  pages: number;
  channels: number;
  /** Bytes per channel of a pixel: 2 in 16-bit PNG. */
  depth: 1 | 2;
  progressive: boolean;
  bytes: number;
}

export type OutputFormat = 'jpeg' | 'png' | 'webp';

/** A GIF becomes WebP by default, which keeps its animation. */
export function outputFormat(facts: ImageFacts, transform: ImageTransform): OutputFormat {
  if (transform.format) return transform.format;
  if (facts.type === 'image/jpeg') return 'jpeg';
  return facts.type === 'image/png' ? 'png' : 'webp';
}

export function decodedPages(facts: ImageFacts, transform: ImageTransform): number {
  return outputFormat(facts, transform) === 'webp' ? facts.pages : 1;
}

/** Streaming decoders need less; those that keep the whole image (WebP, progressive JPEG, interlaced PNG) need this. */
export function decodedBytes(facts: ImageFacts, transform: ImageTransform): number {
  const pages = decodedPages(facts, transform);
  // libwebp and libnsgif always decode to RGBA.
  const channels = facts.type === 'image/webp' || facts.type === 'image/gif' ? 4 : facts.channels;
  const pixel = channels * facts.depth;
  // libjpeg keeps the coefficients of a progressive image (16 bits each) beside its pixels.
  const coefficients = facts.progressive && facts.type === 'image/jpeg' ? 2 : 0;
  return (
    facts.bytes +
    facts.width * facts.height * pages * channels * (facts.depth + coefficients) +
    outputPixels(facts, transform.resize) * pages * pixel
  );
}

/** The bound holds for any orientation of the image. */
export function outputPixels(
  { width, height }: Pick<ImageFacts, 'width' | 'height'>,
  resize: ImageTransform['resize'],
): number {
  if (!resize?.width && !resize?.height) return width * height;
  const { width: w, height: h, fit } = resize;
  if (w && h && fit !== 'outside') return w * h;
  // An orientation tag may swap the sides, so the larger result counts.
  const ratio = Math.max(width / height, height / width);
  if (w && h) return Math.ceil(Math.max(w, h * ratio)) * Math.ceil(Math.max(h, w * ratio));
  const edge = w ?? h ?? 1;
  if (fit === 'fill') return edge * Math.max(width, height);
  return edge * Math.ceil(edge * ratio);
}
