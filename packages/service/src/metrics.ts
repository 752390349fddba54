/**
 * Prometheus metrics of one process, all under `tidemark_`. A registry each, so that tests can hold several services.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Histogram, showHistograms } from './histogram.ts';

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
  /** Of seconds, without labels. */
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
        ...(collect
          ? {
              collect() {
                collect(this);
              },
            }
          : {}),
      }),
    histogram(name, help) {
      const histogram = new Histogram();
      showHistograms(registry, name, help, () => histogram.lines(name, {}));
      return histogram;
    },
  };
}
