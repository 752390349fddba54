import type uPlot from 'uplot';
import { scale, type Unit } from '../quantities.tsx';
import type { Line } from './line.ts';
import { palette, SERIES_COLOURS } from './palette.ts';

export interface Looks {
  size: { width: number; height: number };
  lines: readonly Line[];
  unit: Unit;
  /** s */
  span: number;
  marks(): readonly number[];
  point(index: number | null): void;
}

export function chartOptions({ size, lines, unit, span, marks, point }: Looks): uPlot.Options {
  const colours = palette();
  const axis: uPlot.Axis = {
    stroke: colours.muted,
    font: '11px system-ui, sans-serif',
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    ...size,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'tidemark' }, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      x: { range: (plot) => spanOf(plot.data[0] as number[], span) },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 22, space: 52, values: (_plot, splits) => splits.map((at) => timeOf(at, span)) },
      {
        ...axis,
        size: 68,
        space: 24,
        ...(unit === 'bytes' ? { incrs: POWERS_OF_TWO } : {}),
        values: (_plot, splits) =>
          splits.map((split) => (split === 0 ? '0' : scale(split, unit).filter(Boolean).join(' '))),
      },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.label,
        stroke: colours.series[(line.colour ?? index) % SERIES_COLOURS] as string,
        width: 1.5,
        spanGaps: false,
        ...(line.dashed ? { dash: [3, 3] } : {}),
        points: { show: true, size: 4, filter: (plot: uPlot, index: number) => lonePoints(plot.data[index] ?? []) },
      })),
    ],
    hooks: {
      setCursor: [(plot) => point(plot.cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, marks(), colours.muted)],
    },
  };
}

/** Returns the indexes of values that have a gap on both sides: no line reaches them, so only a point shows them. */
function lonePoints(values: ArrayLike<number | null | undefined>): number[] {
  const isGap = (index: number) => values[index] === null || values[index] === undefined;
  return Array.from(values, (_, index) => index).filter(
    (index) => !isGap(index) && isGap(index - 1) && isGap(index + 1),
  );
}

function drawMarks({ ctx, bbox, valToPos }: uPlot, marks: readonly number[], colour: string): void {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([2, 3]);
  for (const mark of marks) {
    const x = valToPos(mark / 1_000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** These steps make the ticks of a byte axis round numbers of KiB, MiB and GiB. */
const POWERS_OF_TWO = Array.from({ length: 48 }, (_, exponent) => 2 ** exponent);

function spanOf(times: number[], span: number): [number, number] {
  const end = times.at(-1) ?? Date.now() / 1_000;
  return [end - span, end];
}

const DAY_S = 86_400;

function timeOf(seconds: number, span: number): string {
  const at = new Date(seconds * 1_000);
  if (span > 2 * DAY_S) return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
