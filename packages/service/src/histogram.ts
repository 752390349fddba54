/** Counts into an array that becomes lines when the page is read: `observe` of prom-client takes 0.6 µs. */
import { Histogram as PrometheusHistogram, type Registry } from 'prom-client';

/** Bounds in seconds, from a cache hit to a request that exceeds its deadline. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The newest request of a bucket: its record is found by the id. */
export interface Exemplar {
  requestId: string;
  seconds: number;
  /** ms since 1970. */
  at: number;
}

interface Line {
  metricName: string;
  labels: Record<string, string | number>;
  value: number;
  /** prom-client does not know it: open-metrics.ts adds it to the page. */
  newest?: Exemplar;
}

export class Histogram {
  /** The last one counts what is above all bounds. */
  readonly #counts = new Float64Array(LATENCY_BUCKETS.length + 1);
  readonly #newest: (Exemplar | undefined)[] = [];
  #sum = 0;

  observe(seconds: number, requestId?: string): void {
    let bucket = 0;
    while (bucket < LATENCY_BUCKETS.length && seconds > (LATENCY_BUCKETS[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
    if (requestId === undefined) return;
    const newest = this.#newest[bucket];
    if (newest === undefined) this.#newest[bucket] = { requestId, seconds, at: Date.now() };
    else {
      newest.requestId = requestId;
      newest.seconds = seconds;
      newest.at = Date.now();
    }
  }

  lines(name: string, labels: Record<string, string>): Line[] {
    const lines: Line[] = [];
    let total = 0;
    this.#counts.forEach((count, index) => {
      total += count;
      const le = LATENCY_BUCKETS[index] ?? '+Inf';
      const newest = this.#newest[index];
      lines.push({
        metricName: `${name}_bucket`,
        labels: { ...labels, le },
        value: total,
        ...(newest && { newest: { ...newest } }),
      });
    });
    lines.push({ metricName: `${name}_sum`, labels, value: this.#sum });
    lines.push({ metricName: `${name}_count`, labels, value: total });
    return lines;
  }
}

export class ComputedHistogram extends PrometheusHistogram {
  readonly #metric: () => object;
  readonly lines: () => Line[];

  constructor(registry: Registry, name: string, help: string, lines: () => Line[]) {
    super({ name, help, registers: [registry] });
    this.lines = lines;
    this.#metric = () => ({ name, help, type: 'histogram', values: lines(), aggregator: 'sum' });
  }

  /** The registry and `get()` read a histogram through this method, which prom-client's types do not declare. */
  async getForPromString() {
    return this.#metric();
  }
}
