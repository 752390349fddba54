import type { Values } from '../live/use-series.ts';

/** A line of a chart. */
export interface Line {
  label: string;
  values: Values;
  colour?: number;
  dashed?: boolean;
}
