/** Bounds of the memory that a transform takes, which admission compares with BATCH_DECODED_BYTES. */
import type { ImageTransform } from '@tidemark/contracts';
import { decodedPages, type ImageFacts, outputsOf, type Resize } from './image-facts.ts';
import { needsBase } from './steps.ts';

/** Bytes that libaom takes for each pixel: measured 35 to 50 for images of 1 to 9 megapixels. */
const AVIF_PIXEL_BYTES = 50;
const RGBA = 4;

/** Streaming decoders need less; those that keep the whole image (WebP, progressive JPEG, interlaced PNG) need this. */
export function decodedBytes(facts: ImageFacts, transform: ImageTransform): number {
  const pages = decodedPages(facts, transform);
  // libwebp and libnsgif always decode to RGBA.
  const channels = facts.type === 'image/webp' || facts.type === 'image/gif' ? RGBA : facts.channels;
  // libjpeg keeps the coefficients of a progressive image (16 bits each) beside its pixels.
  const coefficients = facts.progressive && facts.type === 'image/jpeg' ? 2 : 0;
  const decoder = facts.width * facts.height * pages * channels * (facts.depth + coefficients);
  const pixel = channels * facts.depth;
  const base = basePixels(facts, transform);
  // The base is in memory while it is rotated, and once more afterwards.
  const bases = needsBase(transform) ? base.width * base.height * pages * pixel * (transform.rotate ? 2 : 1) : 0;
  const outputs = outputsOf(facts, transform).map(({ format, resize }) => {
    const pixels = outputPixels(base, resize);
    return format === 'avif' ? pixels * (pixel + AVIF_PIXEL_BYTES) : pixels * pages * pixel;
  });
  // The sizes are made one after the other; what is encoded already is much smaller than its pixels.
  return facts.bytes + decoder + bases + Math.max(...outputs);
}

/** Returns the size after the steps before resizing: a rotation needs at most the diagonal. */
export function basePixels(
  facts: Pick<ImageFacts, 'width' | 'height'>,
  { crop, rotate }: ImageTransform,
): { width: number; height: number } {
  const { width, height } = crop ?? facts;
  const angle = ((rotate ?? 0) % 180) + 0;
  if (angle === 0) return { width, height };
  if (Math.abs(angle) === 90) return { width: height, height: width };
  const [sin, cos] = [Math.abs(Math.sin((angle * Math.PI) / 180)), Math.abs(Math.cos((angle * Math.PI) / 180))];
  return { width: Math.ceil(width * cos + height * sin) + 1, height: Math.ceil(width * sin + height * cos) + 1 };
}

export function outputPixels({ width, height }: { width: number; height: number }, resize: Resize | undefined): number {
  if (!resize?.width && !resize?.height) return width * height;
  const { width: w, height: h, fit } = resize;
  if (w && h && fit !== 'outside') return w * h;
  const ratio = Math.max(width / height, height / width);
  if (w && h) return Math.ceil(Math.max(w, h * ratio)) * Math.ceil(Math.max(h, w * ratio));
  const edge = w ?? h ?? 1;
  if (fit === 'fill') return edge * Math.max(width, height);
  return edge * Math.ceil(edge * ratio);
}
