/** Line and bar charts. */
import type { ToDrawing } from '../messages.ts';
import { COLORS, type Pages } from './pages.ts';
import { type Scale, scaleOf, tickText } from './scale.ts';

type Chart = Extract<ToDrawing, { type: 'chart' }>;

const HEIGHT = 200;
const SIZE = 7.5;
const LABEL_ROOM = 60;
/** Distinct for the colour-blind, too: https://jfly.uni-koeln.de/color/ */
const SERIES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000', '#999999'];

interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
  y: (value: number) => number;
  /** The middle of the place of a label. */
  x: (index: number) => number;
  /** Between the middles of two labels. */
  step: number;
}

/** The room that the chart needs on a page. */
export const CHART_ROOM = HEIGHT + 60;

export function drawChart(pages: Pages, { kind, labels, series }: Chart): void {
  const values = series.flatMap((one) => one.values.filter((value) => value !== null));
  if (labels.length === 0) {
    pages.paragraph('No rows.', SIZE + 1);
    pages.y += 10;
    return;
  }
  const scale = scaleOf(values, kind === 'bar');
  drawLegend(pages, series);
  const plot = plotOf(pages, scale, labels.length);
  drawAxes(pages, plot, scale, labels);
  for (const [n, one] of series.entries()) {
    if (kind === 'line') drawLine(pages, plot, one.values, SERIES[n]!);
    else drawBars(pages, plot, one.values, { n, of: series.length });
  }
  pages.y = plot.bottom + 26;
}

function drawLegend(pages: Pages, series: Chart['series']): void {
  let x = pages.left;
  for (const [n, { name }] of series.entries()) {
    const line = cut(pages, name, LABEL_ROOM * 2);
    if (x + line.width + 24 > pages.left + pages.width && x > pages.left) {
      x = pages.left;
      pages.y += 12;
    }
    pages.doc.rect(x, pages.y + 2, 7, 7).fill(SERIES[n]!);
    pages.draw(line, x + 11, pages.y + 8.5, SIZE);
    x += line.width + 24;
  }
  pages.y += 18;
}

function plotOf(pages: Pages, { min, max, ticks }: Scale, count: number): Plot {
  const widest = Math.max(...ticks.map((tick) => pages.lines(tickText(tick), SIZE)[0]!.width));
  const left = pages.left + widest + 8;
  const [right, top, bottom] = [pages.left + pages.width, pages.y, pages.y + HEIGHT];
  const step = (right - left) / count;
  return {
    left,
    right,
    top,
    bottom,
    step,
    y: (value) => bottom - ((value - min) / (max - min)) * HEIGHT,
    x: (index) => left + step * (index + 0.5),
  };
}

function drawAxes(pages: Pages, plot: Plot, { ticks }: Scale, labels: readonly string[]): void {
  const { doc } = pages;
  for (const tick of ticks) {
    const y = plot.y(tick);
    doc
      .moveTo(plot.left, y)
      .lineTo(plot.right, y)
      .lineWidth(0.5)
      .stroke(tick === 0 ? COLORS.faint : COLORS.rule);
    const [line] = pages.lines(tickText(tick), SIZE);
    pages.draw(line!, plot.left - 4 - line!.width, y + SIZE * 0.35, SIZE, COLORS.faint);
  }
  const every = Math.ceil(LABEL_ROOM / plot.step);
  for (let n = 0; n < labels.length; n += every) {
    const line = cut(pages, labels[n]!, Math.max(LABEL_ROOM, plot.step) - 6);
    const x = Math.min(plot.x(n) - line.width / 2, plot.right - line.width);
    pages.draw(line, x, plot.bottom + 12, SIZE, COLORS.faint);
  }
}

/** A value that is missing interrupts the line; one alone is a point. */
function drawLine({ doc }: Pages, plot: Plot, values: readonly (number | null)[], color: string): void {
  doc.lineWidth(1.4).strokeColor(color).lineJoin('round');
  let isOpen = false;
  for (const [n, value] of values.entries()) {
    if (value === null) {
      isOpen = false;
      continue;
    }
    const [x, y] = [plot.x(n), plot.y(value)];
    const next = values[n + 1] ?? null;
    if (!isOpen && next === null) doc.circle(x, y, 1.8).fill(color);
    else if (isOpen) doc.lineTo(x, y);
    else doc.moveTo(x, y);
    if (isOpen && next === null) doc.stroke();
    isOpen = next !== null;
  }
}

function drawBars(
  { doc }: Pages,
  plot: Plot,
  values: readonly (number | null)[],
  { n, of }: { n: number; of: number },
): void {
  const group = plot.step * 0.8;
  const width = group / of;
  const zero = plot.y(0);
  for (const [at, value] of values.entries()) {
    if (value === null) continue;
    const y = plot.y(value);
    doc.rect(plot.x(at) - group / 2 + n * width, Math.min(y, zero), width * 0.92, Math.abs(y - zero)).fill(SERIES[n]!);
  }
}

/** Returns the text as one line that is at most as wide as `width`. */
function cut(pages: Pages, text: string, width: number) {
  const flat = text.replace(/\s+/g, ' ');
  const [whole] = pages.lines(flat, SIZE, 'plain', Number.POSITIVE_INFINITY);
  if (whole!.width <= width) return whole!;
  const characters = Array.from(flat);
  const kept = Math.max(1, Math.floor((characters.length * width) / whole!.width) - 1);
  return pages.lines(`${characters.slice(0, kept).join('')}…`, SIZE, 'plain', Number.POSITIVE_INFINITY)[0]!;
}
