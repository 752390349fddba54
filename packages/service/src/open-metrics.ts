/**
 * Turns a page of Prometheus's text format into OpenMetrics. prom-client's own rendering changes the names of counters for
 * good, so that the next page in the text format would lack them.
 */
import type { Registry } from 'prom-client';
import { ComputedHistogram } from './histogram.ts';

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** The metadata of a counter has its name without `_total`. */
const COUNTER_METADATA = /^# (HELP|TYPE) (\S+)_total /gm;
/** `le` is the last label of a histogram; the registry adds its own after it. */
const BUCKET = /^(\w+_bucket\{.*?le="[^"]+"),.*$/gm;

/** @param exemplars what `exemplarsOf` returns */
export function toOpenMetrics(page: string, exemplars: ReadonlyMap<string, string> = new Map()): string {
  const text = page
    .replace(COUNTER_METADATA, '# $1 $2 ')
    .replace(BUCKET, (line, start: string) => `${line}${exemplars.get(start) ?? ''}`)
    .replace(/\n{2,}/g, '\n');
  return `${text.trimEnd()}\n# EOF\n`;
}

/** Returns the exemplar by the beginning of its line: the newest request of each bucket. */
export function exemplarsOf(registry: Registry): Map<string, string> {
  const exemplars = new Map<string, string>();
  for (const metric of registry.getMetricsAsArray()) {
    if (!(metric instanceof ComputedHistogram)) continue;
    for (const { metricName, labels, newest } of metric.lines()) {
      if (newest === undefined) continue;
      const start = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
      const { requestId, seconds, at } = newest;
      exemplars.set(
        `${metricName}{${start.join(',')}`,
        ` # {request_id="${escaped(requestId)}"} ${seconds} ${(at / 1_000).toFixed(3)}`,
      );
    }
  }
  return exemplars;
}

const escaped = (value: string) => value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');

/** Whether the header Accept names it with at least the quality of the text format. */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  const qualityOf = (type: string) => {
    const part = accept?.split(',').find((one) => one.trim().startsWith(type));
    if (part === undefined) return 0;
    return Number(/;\s*q=([\d.]+)/.exec(part)?.[1] ?? 1);
  };
  const open = qualityOf('application/openmetrics-text');
  return open > 0 && open >= qualityOf('text/plain');
}
