/** The legend has the newest values, or those under the pointer, which all charts of the page share. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { SeriesView, Values } from '../live/use-series.ts';
import { format, type Unit } from '../quantities.tsx';
import { chartOptions } from './chart-options.ts';
import { ChartTable } from './chart-table.tsx';
import type { Line } from './line.ts';
import { onSchemeChange, SERIES_COLOURS } from './palette.ts';

/** More lines cannot be distinguished. */
const MAX_LINES = SERIES_COLOURS * 2;
const MIN_HEIGHT_PX = 60;
/** The newest value may be this many steps old, because telemetry does not arrive in step with the samples. */
const MAX_AGE_STEPS = 3;

export interface ChartProps {
  title: string;
  series: Pick<SeriesView, 'times' | 'span'>;
  lines: readonly Line[];
  unit: Unit;
  /** Times of events in ms since 1970, drawn as vertical lines. */
  marks?: readonly number[];
  small?: boolean;
}

export function Chart(props: ChartProps) {
  const { title, series, unit, marks = [], small } = props;
  const { times, span } = series;
  const lines = props.lines.slice(0, MAX_LINES);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const drawn = useRef(marks);
  drawn.current = marks;
  const [pointed, setPointed] = useState<number | null>(null);
  const [scheme, setScheme] = useState(0);
  const shape = JSON.stringify([unit, span, lines.map(({ label, colour, dashed }) => [label, colour, dashed])]);

  useEffect(() => onSchemeChange(() => setScheme((n) => n + 1)), []);

  // `shape` has everything but the values of the lines, which the next effect sets.
  useEffect(() => {
    const target = box.current as HTMLDivElement;
    const looks = { size: sizeOf(target), lines, unit, span, marks: () => drawn.current, point: setPointed };
    const created = new uPlot(chartOptions(looks), dataOf(times, lines), target);
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
  }, [times, marks.length]);

  const legend = lines.map((line, index) => {
    const value = pointed === null ? newest(line.values) : line.values[pointed];
    return { line, text: format(value, unit), colour: (line.colour ?? index) % SERIES_COLOURS };
  });
  return (
    <figure class={small ? 'chart small' : 'chart'} aria-label={title}>
      <div class="plot" aria-hidden="true">
        <div ref={box} />
      </div>
      <figcaption>
        <span class="chart-title">{title}</span>
        <ul class="legend" aria-hidden="true">
          {legend.map(({ line, text, colour }) => (
            <li key={line.label}>
              <i class={`swatch c${colour} ${line.dashed ? 'dashed' : ''}`} />
              {(lines.length > 1 || line.label !== '') && <span>{line.label}</span>} <b>{text}</b>
            </li>
          ))}
          {props.lines.length > lines.length && <li>and {props.lines.length - lines.length} more</li>}
        </ul>
      </figcaption>
      <ChartTable title={title} lines={lines} unit={unit} />
    </figure>
  );
}

const sizeOf = (box: HTMLElement) => ({ width: box.clientWidth, height: Math.max(MIN_HEIGHT_PX, box.clientHeight) });
const dataOf = (times: number[], lines: readonly Line[]): uPlot.AlignedData =>
  [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;

function newest(values: Values): number | null {
  for (let back = 1; back <= MAX_AGE_STEPS; back++) {
    const value = values.at(-back);
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
