/**
 * How often something took how long, in Prometheus's form. Counted into an array of numbers, which becomes Prometheus's lines when
 * the page is read: prom-client's own `observe` costs 0.6 µs, as much as finding a route.
 */
import type { Registry } from 'prom-client';

/** Seconds: from a cache hit to a request that ran into its deadline. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Line {
  metricName: string;
  labels: Record<string, string | number>;
  value: number;
}

export class Histogram {
  /** Up to each bound of LATENCY_BUCKETS but not the one before, then those over all. */
  readonly #counts = new Float64Array(LATENCY_BUCKETS.length + 1);
  #sum = 0;

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < LATENCY_BUCKETS.length && seconds > (LATENCY_BUCKETS[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  /** Cumulative counts, their sum and their number. */
  lines(name: string, labels: Record<string, string>): Line[] {
    const lines: Line[] = [];
    let total = 0;
    this.#counts.forEach((count, index) => {
      total += count;
      const le = LATENCY_BUCKETS[index] ?? '+Inf';
      lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: total });
    });
    lines.push({ metricName: `${name}_sum`, labels, value: this.#sum });
    lines.push({ metricName: `${name}_count`, labels, value: total });
    return lines;
  }
}

/** `lines` is asked when the page is read. */
export function showHistograms(registry: Registry, name: string, help: string, lines: () => Line[]): void {
  // What the registry needs of a metric.
  const shown = {
    name,
    help,
    get: async () => ({ name, help, type: 'histogram', values: lines(), aggregator: 'sum' }),
  };
  registry.registerMetric(shown as unknown as Parameters<typeof registry.registerMetric>[0]);
}
