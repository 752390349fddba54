/** Each service has its own registry, so that tests can run several. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { ComputedHistogram, Histogram } from './histogram.ts';

export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** `collect` sets the values when the page is read. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void,
  ): Gauge<L>;
  histogram(name: string, help: string): Histogram;
}

export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    counter: (name, help, labels = []) => new Counter({ name, help, labelNames: labels, registers }),
    gauge: (name, help, labels = [], collect) =>
      new Gauge({
        name,
        help,
        labelNames: labels,
        registers,
        ...(collect && {
          collect() {
            collect(this);
          },
        }),
      }),
    histogram(name, help) {
      const histogram = new Histogram();
      new ComputedHistogram(registry, name, help, () => histogram.lines(name, {}));
      return histogram;
    },
  };
}
