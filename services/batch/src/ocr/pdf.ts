/** Pages of PDF documents, by pdfium compiled to WebAssembly. It neither runs scripts nor follows references. */
import type { PDFiumDocument, PDFiumLibrary } from '@hyzyla/pdfium';
import { errors } from '../errors.ts';
import type { GreyImage } from './engine.ts';
import { isWasmAbort } from './wasm-abort.ts';

let loading: Promise<PDFiumLibrary> | undefined;

/** A PDF may have other bytes before its header (ISO 32000-1, annex H, 3.4.1). */
export const isPdf = (head: Buffer): boolean => head.subarray(0, HEAD_BYTES).includes('%PDF-');
const HEAD_BYTES = 1_024;
/** Points of an inch. */
const POINTS = 72;
const MAX_PAGES = 10_000;

/** Returns at least 1. @throws BATCH_PDF_LOCKED, BATCH_PDF_DAMAGED, BATCH_PDF_PAGES */
export const countPages = (bytes: Buffer, name: string): Promise<number> =>
  withDocument(bytes, name, (document) => document.getPageCount());

interface RenderedPage extends GreyImage {
  /** It is less than what was asked for where the page would have more than `maxPixels`. */
  dpi: number;
  pages: number;
}

/** @param page from 1 */
export function renderPage(
  bytes: Buffer,
  name: string,
  { page, dpi, maxPixels }: { page: number; dpi: number; maxPixels: number },
): Promise<RenderedPage> {
  return withDocument(bytes, name, async (document) => {
    const pages = document.getPageCount();
    if (page > pages) throw errors.PDF_NO_PAGE({ name, page, pages });
    const found = document.getPage(page - 1);
    const { originalWidth, originalHeight } = found.getOriginalSize();
    if (!(originalWidth > 0 && originalHeight > 0))
      throw errors.PDF_DAMAGED({ name, reason: `page ${page} has no size` });
    const pixels = (originalWidth * originalHeight * dpi ** 2) / POINTS ** 2;
    const lowered = pixels > maxPixels ? Math.floor(dpi * Math.sqrt(maxPixels / pixels)) : dpi;
    if (lowered < 1) throw errors.PDF_DAMAGED({ name, reason: `page ${page} is too large to be drawn` });
    const { data, width, height } = await found.render({
      scale: lowered / POINTS,
      render: 'bitmap',
      colorSpace: 'Gray',
    });
    // The library returns a view of its own memory, which the next page uses again.
    return { pixels: Uint8Array.from(data), width, height, dpi: lowered, pages };
  });
}

async function withDocument<T>(
  bytes: Buffer,
  name: string,
  use: (document: PDFiumDocument) => Promise<T> | T,
): Promise<T> {
  // The service's process reads this file for `isPdf`.
  loading ??= import('@hyzyla/pdfium').then((pdfium) => pdfium.PDFiumLibrary.init());
  const library = await loading;
  let document: PDFiumDocument;
  try {
    document = await library.loadDocument(bytes);
  } catch (cause) {
    // pdfium tries the empty password by itself.
    const { message } = cause as Error;
    if (/password/i.test(message)) throw errors.PDF_LOCKED({ name }, { cause });
    if (/security/i.test(message)) throw errors.PDF_LOCKED({ name }, { cause });
    throw errors.PDF_DAMAGED({ name, reason: 'it has no readable structure' }, { cause });
  }
  try {
    const pages = document.getPageCount();
    if (pages < 1) throw errors.PDF_DAMAGED({ name, reason: 'it has no pages' });
    if (pages > MAX_PAGES) throw errors.PDF_PAGES({ name, pages, limit: MAX_PAGES });
    return await use(document);
  } catch (error) {
    if (isWasmAbort(error)) {
      loading = undefined;
      throw errors.PDF_DAMAGED({ name, reason: 'its content cannot be drawn' }, { cause: error });
    }
    throw error;
  } finally {
    if (loading) document.destroy();
  }
}
