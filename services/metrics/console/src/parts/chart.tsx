/** The legend has the newest values, or those under the pointer, which all charts share. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type Values, WINDOW_S } from '../live/series-window.ts';
import { format, scale, type Unit } from '../quantities.tsx';
import { onSchemeChange, palette, SERIES_COLOURS } from './palette.ts';

export interface Line {
  label: string;
  values: Values;
  colour?: number;
  dashed?: boolean;
}

/** More lines cannot be distinguished. */
const MAX_LINES = SERIES_COLOURS * 2;
const MIN_HEIGHT_PX = 100;
/** The newest value may be this many samples old, because telemetry does not arrive in step with the samples. */
const MAX_AGE_SAMPLES = 3;

export function Chart(props: { title: string; times: number[]; lines: readonly Line[]; unit: Unit }) {
  const { title, times, unit } = props;
  const lines = props.lines.slice(0, MAX_LINES);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const [scheme, setScheme] = useState(0);
  const shape = JSON.stringify([unit, lines.map(({ label, colour, dashed }) => [label, colour, dashed])]);

  useEffect(() => onSchemeChange(() => setScheme((n) => n + 1)), []);

  // `shape` has everything but the values of the lines, which the next effect sets.
  useEffect(() => {
    const target = box.current as HTMLDivElement;
    const created = new uPlot(options(sizeOf(target), lines, unit, setPointed), dataOf(times, lines), target);
    plot.current = created;
    const resized = new ResizeObserver(() => created.setSize(sizeOf(target)));
    resized.observe(target);
    return () => {
      resized.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [shape, scheme]);

  useEffect(() => {
    plot.current?.setData(dataOf(times, lines));
  });

  const legend = lines.map((line, index) => {
    const value = pointed === null ? newest(line.values) : line.values[pointed];
    return { line, text: format(value, unit), colour: colourOf(line, index) };
  });
  return (
    <figure class="chart" aria-label={`${title}, last ${WINDOW_S / 60} minutes`}>
      <div class="plot" aria-hidden="true">
        <div ref={box} />
      </div>
      <figcaption>
        <span class="chart-title">{title}</span>
        <ul class="legend">
          {legend.map(({ line, text, colour }) => (
            <li key={line.label}>
              <i class={`swatch c${colour} ${line.dashed ? 'dashed' : ''}`} aria-hidden="true" />
              <span>{line.label}</span> <b>{text}</b>
            </li>
          ))}
          {props.lines.length > lines.length && <li>and {props.lines.length - lines.length} more</li>}
        </ul>
      </figcaption>
    </figure>
  );
}

const sizeOf = (box: HTMLElement) => ({ width: box.clientWidth, height: Math.max(MIN_HEIGHT_PX, box.clientHeight) });
const colourOf = (line: Line, index: number) => (line.colour ?? index) % SERIES_COLOURS;
const dataOf = (times: number[], lines: readonly Line[]): uPlot.AlignedData =>
  [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;

function newest(values: Values): number | null {
  for (let back = 1; back <= MAX_AGE_SAMPLES; back++) {
    const value = values.at(-back);
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

function options(
  size: { width: number; height: number },
  lines: readonly Line[],
  unit: Unit,
  point: (index: number | null) => void,
): uPlot.Options {
  const colours = palette();
  const axis: uPlot.Axis = {
    stroke: colours.muted,
    font: '11px system-ui, sans-serif',
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    ...size,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'tidemark' }, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      x: { range: (plot) => spanOf(plot.data[0] as number[]) },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 22, space: 46, values: (_plot, splits) => splits.map(hourAndMinute) },
      {
        ...axis,
        size: 58,
        space: 30,
        ...(unit === 'bytes' ? { incrs: POWERS_OF_TWO } : {}),
        values: (_plot, splits) =>
          splits.map((split) => (split === 0 ? '0' : scale(split, unit).filter(Boolean).join(' '))),
      },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.label,
        stroke: colours.series[colourOf(line, index)] as string,
        width: 1.5,
        ...(line.dashed ? { dash: [3, 3] } : {}),
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [(plot) => point(plot.cursor.idx ?? null)] },
  };
}

/** These steps make the ticks of a byte axis round numbers of KiB, MiB and GiB. */
const POWERS_OF_TWO = Array.from({ length: 48 }, (_, exponent) => 2 ** exponent);

function spanOf(times: number[]): [number, number] {
  const end = times.at(-1) ?? Date.now() / 1_000;
  return [end - WINDOW_S, end];
}

const hourAndMinute = (seconds: number) =>
  new Date(seconds * 1_000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
