/** Makes images with known text, and measures how far another text is from it. */
import { pdfOf } from '@tidemark/testing/media';
import sharp from 'sharp';
import { renderPage } from '../../src/ocr/pdf.ts';

/** Dark text on a light ground, as pdfium draws it with a font of its own: 300 points high, in 16-point Helvetica. */
export async function imageOf(lines: readonly string[], dpi = 150): Promise<Buffer> {
  const drawing = { page: 1, dpi, maxPixels: 1e7 };
  const { pixels, width, height } = await renderPage(pdfOf([lines], '0 542 595 842'), 'text', drawing);
  return sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** Insertions, deletions and replacements that lead from one text to the other (Levenshtein). */
export function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, n) => n);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + Number(from[i - 1] !== to[j - 1]));
    }
    row = next;
  }
  return row[to.length]!;
}
