/** A table over as many pages as it takes, with its header on each. A row that is taller than a page is continued on the next. */
import type { Cells, TableColumn } from '../messages.ts';
import { MIN_COLUMN } from '../report-spec.ts';
import type { Line } from './lines.ts';
import { COLORS, LINE_HEIGHT, type Pages } from './pages.ts';

const SIZE = 8.5;
const HEIGHT = SIZE * LINE_HEIGHT;
const PAD = 4;
/** Rows of the first message that decide the widths, and the characters of a cell that count. */
const MEASURED_ROWS = 100;
const MEASURED_CHARACTERS = 60;

export class Table {
  readonly #pages: Pages;
  readonly #columns: readonly TableColumn[];
  readonly #widths: readonly number[];
  readonly #header: readonly Line[][];
  rows = 0;

  constructor(pages: Pages, columns: readonly TableColumn[], sample: readonly Cells[]) {
    this.#pages = pages;
    this.#columns = columns;
    this.#widths = widthsOf(pages, columns, sample);
    this.#header = columns.map(({ title }, n) => pages.lines(title, SIZE, 'bold', this.#inner(n)));
    pages.ensure(this.#headerHeight + 3 * HEIGHT);
    this.#drawHeader();
  }

  add(row: Cells): void {
    this.rows += 1;
    const cells = row.map((text, n) => this.#pages.lines(text ?? '', SIZE, 'plain', this.#inner(n)));
    const lines = Math.max(...cells.map((cell) => cell.length));
    const pages = this.#pages;
    const whole = lines * HEIGHT + PAD;
    const isTaller = whole > pages.bottom - pages.top - this.#headerHeight;
    if (whole > pages.room && !isTaller) this.#nextPage();
    for (let from = 0; from < lines; ) {
      const fitting = Math.floor((pages.room - PAD) / HEIGHT);
      if (fitting < 1) {
        this.#nextPage();
        continue;
      }
      const to = Math.min(lines, from + fitting);
      this.#drawCells(cells, from, to);
      from = to;
    }
  }

  end(): void {
    if (this.rows === 0) {
      this.#pages.y += PAD;
      this.#pages.paragraph('No rows.', SIZE);
    }
    this.#pages.y += 10;
  }

  get #headerHeight(): number {
    return Math.max(...this.#header.map((lines) => lines.length)) * HEIGHT + PAD;
  }

  #inner(column: number): number {
    return this.#widths[column]! - 2 * PAD;
  }

  #nextPage(): void {
    this.#pages.next();
    this.#drawHeader();
  }

  #drawHeader(): void {
    const { doc, left, width } = this.#pages;
    doc.rect(left, this.#pages.y, width, this.#headerHeight).fill(COLORS.shade);
    this.#drawCells(this.#header, 0, Number.POSITIVE_INFINITY);
  }

  #drawCells(cells: readonly Line[][], from: number, to: number): void {
    const pages = this.#pages;
    let x = pages.left;
    let most = 0;
    for (const [n, lines] of cells.entries()) {
      const shown = lines.slice(from, to);
      for (const [at, line] of shown.entries()) {
        const spare = this.#columns[n]!.isNumber ? Math.max(0, this.#inner(n) - line.width) : 0;
        pages.draw(line, x + PAD + spare, pages.y + PAD / 2 + at * HEIGHT + SIZE, SIZE);
      }
      most = Math.max(most, shown.length);
      x += this.#widths[n]!;
    }
    pages.y += most * HEIGHT + PAD;
    const { doc, left, width } = pages;
    doc
      .moveTo(left, pages.y)
      .lineTo(left + width, pages.y)
      .lineWidth(0.5)
      .stroke(COLORS.rule);
  }
}

/** Columns get what their texts need, as far as the page has it; the wider ones share what is left. */
function widthsOf(pages: Pages, columns: readonly TableColumn[], sample: readonly Cells[]): number[] {
  const needs = columns.map(({ title }, n) => {
    const texts = sample.slice(0, MEASURED_ROWS).map((row) => row[n] ?? '');
    const widths = texts.map((text) => widest(pages, text.slice(0, MEASURED_CHARACTERS), 'plain'));
    return Math.max(MIN_COLUMN, 2 * PAD + 1 + Math.max(widest(pages, title, 'bold'), ...widths));
  });
  const total = needs.reduce((sum, need) => sum + need, 0);
  if (total <= pages.width) return needs.map((need) => need + (pages.width - total) / needs.length);
  const fixed = columns.length * MIN_COLUMN;
  const share = (pages.width - fixed) / (total - fixed);
  return needs.map((need) => MIN_COLUMN + (need - MIN_COLUMN) * share);
}

function widest(pages: Pages, text: string, weight: 'plain' | 'bold'): number {
  // The boxes of a text are counted when it is drawn.
  const { boxes } = pages.fonts;
  const lines = pages.lines(text, SIZE, weight, Number.POSITIVE_INFINITY);
  pages.fonts.boxes = boxes;
  return Math.max(...lines.map(({ width }) => width));
}
