/** Samples of a step as rows, one for each instance, and their series by name again. */
import type { Timeseries } from '../history/steps.ts';

/** A mean, or mean, least and greatest where they differ. */
export type Kept = number | [mean: number, min: number, max: number];

export interface SampleRow {
  source: string;
  figures: Record<string, Kept>;
}

/** The figures of one instance take at most this much of the store; more are left out and counted. */
const MAX_ROW_BYTES = 4_096;

/** The last step of `timeseries`, or undefined where it has none. */
export function sampleRows({ series }: Timeseries, slot: number): { rows: SampleRow[]; omitted: number } {
  const bySource = new Map<string, Record<string, Kept>>();
  const bytes = new Map<string, number>();
  let omitted = 0;
  for (const [name, { mean, min, max }] of Object.entries(series)) {
    const kept = keptOf(mean[slot], min[slot], max[slot]);
    if (kept === undefined) continue;
    const { source, key } = splitName(name);
    const size = (bytes.get(source) ?? 0) + key.length + JSON.stringify(kept).length + 4;
    if (size > MAX_ROW_BYTES) {
      omitted += 1;
      continue;
    }
    bytes.set(source, size);
    const figures = bySource.get(source) ?? {};
    figures[key] = kept;
    bySource.set(source, figures);
  }
  return { rows: [...bySource].map(([source, figures]) => ({ source, figures })), omitted };
}

/** `http.p99@gateway/gateway-1/read` is the figure `http.p99@read` of `gateway/gateway-1`. */
export function splitName(name: string): { source: string; key: string } {
  const [figure = '', label = ''] = cut(name, '@');
  const [service = '', instance, ...rest] = label.split('/');
  if (instance === undefined) return { source: '', key: name };
  const detail = rest.join('/');
  return { source: `${service}/${instance}`, key: detail === '' ? figure : `${figure}@${detail}` };
}

function cut(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function keptOf(mean?: number | null, min?: number | null, max?: number | null): Kept | undefined {
  if (typeof mean !== 'number' || typeof min !== 'number' || typeof max !== 'number') return undefined;
  return min === max ? short(mean) : [short(mean), short(min), short(max)];
}

/** Four digits are enough for a chart. */
const short = (value: number) => Number(value.toPrecision(4));
