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

/** Upper bounds of an image whose exact size only libvips knows. */
export interface SizeBounds {
  width: number;
  height: number;
  /** The longer side divided by the shorter one. */
  ratio: number;
}

type Source = Pick<ImageFacts, 'type' | 'width' | 'height'>;

/** libjpeg divides the sides by one of these while it decodes an image that becomes smaller. */
const JPEG_SHRINKS = [1, 2, 4, 8];

/** Returns bounds of the size after the steps before resizing. */
export function basePixels(facts: Source, { crop, rotate }: ImageTransform): SizeBounds {
  const { width, height } = crop ?? facts;
  const angle = Math.abs((rotate ?? 0) % 180);
  if (angle % 90 !== 0) return rotated(width, height, (angle * Math.PI) / 180);
  const shrinks = facts.type === 'image/jpeg' ? JPEG_SHRINKS : [1];
  const ratio = Math.max(...shrinks.map((shrink) => ratioOf(width / shrink, height / shrink)));
  return angle === 0 ? { width, height, ratio } : { width: height, height: width, ratio };
}

/** libvips rounds each side of a rotated image, so that it can be more oblong than exact sides would be. */
function rotated(width: number, height: number, radians: number): SizeBounds {
  const [sin, cos] = [Math.sin(radians), Math.abs(Math.cos(radians))];
  const [wide, high] = [width * cos + height * sin, width * sin + height * cos];
  return { width: Math.ceil(wide), height: Math.ceil(high), ratio: ratioOf(wide, high) };
}

/** Returns the largest ratio of these sides after each was rounded up or down. */
function ratioOf(width: number, height: number): number {
  return Math.ceil(Math.max(width, height)) / Math.max(1, Math.floor(Math.min(width, height)));
}

export function outputPixels({ width, height, ratio }: SizeBounds, resize: Resize | undefined): number {
  if (!resize?.width && !resize?.height) return width * height;
  const { width: w, height: h, fit } = resize;
  if (w && h && fit !== 'outside') return w * h;
  if (w && h) return Math.ceil(Math.max(w, h * ratio)) * Math.ceil(Math.max(h, w * ratio));
  const edge = w ?? h ?? 1;
  if (fit === 'fill') return edge * Math.max(width, height);
  return edge * Math.ceil(edge * ratio);
}
