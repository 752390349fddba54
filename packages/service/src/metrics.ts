/** Each service has its own registry, so that tests can run several. */
import { Counter, collectDefaultMetrics, Gauge, type MetricType, Registry } from 'prom-client';
import { ComputedHistogram, Histogram } from './histogram.ts';

export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** `collect` sets the values when the page is read. With a name that ends in `_total` it is shown as a counter. */
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
  // These gauges end in `_total` as counters do. Their values are the sums of the gauges without it, over the label `type`.
  for (const name of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${name}_total`);
  const registers = [registry];
  return {
    registry,
    counter: (name, help, labels = []) => new Counter({ name, help, labelNames: labels, registers }),
    gauge: (name, help, labels = [], collect) =>
      new (name.endsWith('_total') ? ReadCounter : Gauge)({
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

/** A counter whose value something else counts: prom-client's own can only be incremented. */
class ReadCounter<L extends string> extends Gauge<L> {
  override async get() {
    // The types declare an enum where the module has text.
    return { ...(await super.get()), type: 'counter' as unknown as MetricType };
  }
}
