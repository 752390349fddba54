/** The pages of a report, from the first to the last: a finished page is written at once and only its number is kept. */
import PDFDocument from 'pdfkit';
import { MARGIN } from '../report-spec.ts';
import { FONT_FILES, type FontName, Fonts, type Weight } from './fonts.ts';
import { type Line, linesOf } from './lines.ts';

export const COLORS = { text: '#1a1a1a', faint: '#666666', rule: '#cccccc', shade: '#eeeeee' } as const;
export const LINE_HEIGHT = 1.35;
/** Widths are sums of the characters' own. */
const FEATURES = { kern: false, liga: false, clig: false, calt: false } as unknown as PDFKit.Mixins.OpenTypeFeatures[];
const FOOTER_SIZE = 8;

export class Pages {
  readonly doc: PDFKit.PDFDocument;
  readonly fonts = new Fonts();
  readonly left = MARGIN;
  readonly top = MARGIN;
  readonly width: number;
  readonly bottom: number;
  count = 1;
  y = MARGIN;
  readonly #title: string;

  constructor(title: string, size: [number, number]) {
    this.#title = title;
    this.width = size[0] - 2 * MARGIN;
    this.bottom = size[1] - MARGIN - 16;
    // The cache of layouts would keep each different text: https://github.com/foliojs/pdfkit/issues/932.
    const options = { size, margin: MARGIN, info: { Title: title, Creator: 'Tidemark' }, fontLayoutCache: false };
    this.doc = new PDFDocument(options as PDFKit.PDFDocumentOptions);
    for (const [name, file] of Object.entries(FONT_FILES)) this.doc.registerFont(name, file);
  }

  get room(): number {
    return this.bottom - this.y;
  }

  next(): void {
    this.#footer();
    this.doc.addPage();
    this.count += 1;
    this.y = this.top;
  }

  /** Goes to the next page unless this one has the room, or nothing on it. */
  ensure(height: number): void {
    if (this.room < height && this.y > this.top) this.next();
  }

  lines(text: string, size: number, weight: Weight = 'plain', width = this.width): Line[] {
    return linesOf(this.fonts, text, { width, size, weight });
  }

  /** Writes the lines below each other, on as many pages as they take. */
  paragraph(text: string, size: number, weight: Weight = 'plain'): void {
    const height = size * LINE_HEIGHT;
    for (const line of this.lines(text, size, weight)) {
      this.ensure(height);
      this.draw(line, this.left, this.y + size, size);
      this.y += height;
    }
  }

  /** @param baseline its distance from the top of the page */
  draw({ runs }: Line, x: number, baseline: number, size: number, color: string = COLORS.text): void {
    let at = x;
    this.doc.fillColor(color).fontSize(size);
    for (const { font, text, width } of runs) {
      this.#use(font).text(text, at, baseline, { lineBreak: false, baseline: 'alphabetic', features: FEATURES });
      at += width;
    }
  }

  end(): void {
    this.#footer();
    this.doc.end();
  }

  #use(font: FontName): PDFKit.PDFDocument {
    return this.doc.font(font);
  }

  #footer(): void {
    const baseline = this.bottom + 16;
    const [title] = this.lines(this.#title, FOOTER_SIZE);
    this.draw(title!, this.left, baseline, FOOTER_SIZE, COLORS.faint);
    const [number] = this.lines(`Page ${this.count}`, FOOTER_SIZE);
    this.draw(number!, this.left + this.width - number!.width, baseline, FOOTER_SIZE, COLORS.faint);
  }
}
