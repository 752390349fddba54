/**
 * Turns a page of Prometheus's text format into OpenMetrics. prom-client's own rendering changes the names of counters for
 * good, so that the next page in the text format would lack them.
 */
export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** The metadata of a counter has its name without `_total`. */
const COUNTER_METADATA = /^# (HELP|TYPE) (\S+)_total /gm;

export function toOpenMetrics(page: string): string {
  const text = page.replace(COUNTER_METADATA, '# $1 $2 ').replace(/\n{2,}/g, '\n');
  return `${text.trimEnd()}\n# EOF\n`;
}

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
