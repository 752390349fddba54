import { errors } from '../errors.ts';
import { decoderBytes, greyPixels } from '../images/grey.ts';
import type { ImageFacts } from '../images/image-facts.ts';
import { recognize } from './engine.ts';
import { renderPage } from './pdf.ts';
import { readWords, type Word } from './words.ts';

/** An A4 page at 350 dpi. */
const MAX_OCR_PIXELS = 12_000_000;
/** An image says nothing reliable of its resolution. */
const IMAGE_DPI = 300;
/** Engine, model and the words of a dense page: measured 50 to 100 MB. */
const ENGINE_BYTES = 128 * 1024 ** 2;
/** Measured 5.5 for each pixel, with the copies that are made for the engine. */
const PIXEL_BYTES = 8;

export interface OcrText {
  text: string;
  confidence: number;
  width: number;
  height: number;
  words: Word[];
  page?: number;
  pages?: number;
  dpi?: number;
  /** Sides of the image that was read, divided by those of the file's image. */
  scale?: number;
}

export function imageBytes(facts: ImageFacts): number {
  const pixels = Math.min(MAX_OCR_PIXELS, facts.width * facts.height);
  return ENGINE_BYTES + decoderBytes(facts) + pixels * PIXEL_BYTES;
}

/** A page takes at most the capped pixels, whatever its size. */
export const pageBytes = (fileBytes: number): number => ENGINE_BYTES + 2 * fileBytes + MAX_OCR_PIXELS * PIXEL_BYTES;

export async function readImage(
  input: { bytes: Buffer; name: string; facts: ImageFacts },
  languages: readonly string[],
): Promise<OcrText> {
  const { facts, name } = input;
  const { width, height } = facts;
  const factor = Math.min(1, Math.sqrt(MAX_OCR_PIXELS / (width * height)));
  const size =
    factor < 1
      ? { width: Math.max(1, Math.floor(width * factor)), height: Math.max(1, Math.floor(height * factor)) }
      : undefined;
  const image = await greyPixels({ input: input.bytes, name, facts, background: '#ffffff', ...(size && { size }) });
  const { text, confidence, tsv } = await recognizeNamed(name, image, languages, IMAGE_DPI);
  const words = readWords(tsv, 1 / factor);
  return { text, confidence, width, height, words, ...(size && { scale: Math.round(factor * 1e4) / 1e4 }) };
}

/** Boxes are in pixels of the page at `dpi`. */
export async function readPage(
  input: { bytes: Buffer; name: string },
  { page, dpi }: { page: number; dpi: number },
  languages: readonly string[],
): Promise<OcrText> {
  const { bytes, name } = input;
  const drawn = await renderPage(bytes, name, { page, dpi, maxPixels: MAX_OCR_PIXELS });
  const { text, confidence, tsv } = await recognizeNamed(name, drawn, languages, drawn.dpi);
  const { width, height, pages } = drawn;
  return { text, confidence, page, pages, dpi: drawn.dpi, width, height, words: readWords(tsv, 1) };
}

async function recognizeNamed(name: string, ...[image, languages, dpi]: Parameters<typeof recognize>) {
  try {
    return await recognize(image, languages, dpi);
  } catch (cause) {
    throw errors.OCR_FAILED({ name }, { cause });
  }
}
