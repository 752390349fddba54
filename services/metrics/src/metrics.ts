import type { Metrics } from '@tidemark/service';
import type { History } from './history/history.ts';
import type { Registry } from './instances/registry.ts';
import type { Broadcaster } from './stream/broadcaster.ts';

export function registerMetrics(
  metrics: Metrics,
  { registry, history, broadcaster }: { registry: Registry; history: History; broadcaster: Broadcaster },
): void {
  const value = (name: string, help: string, read: () => number) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(read()));
  value('tidemark_metrics_instances', 'Instances in the registry, including lost ones', registry.size);
  value(
    'tidemark_metrics_telemetry_refused_total',
    'Telemetry refused because the registry was full',
    registry.refusedTotal,
  );
  value('tidemark_metrics_history_bytes', 'Memory used by the history', history.bytes);
  value('tidemark_metrics_samples_refused_total', 'Samples refused because the history was full', history.refusedTotal);
  value('tidemark_metrics_stream_clients', 'Clients of the event stream', () => broadcaster.stats().clients);
  value(
    'tidemark_metrics_stream_skipped_total',
    'Events skipped for slow clients',
    () => broadcaster.stats().skippedTotal,
  );
  value(
    'tidemark_metrics_stream_dropped_total',
    'Clients disconnected because they did not read',
    () => broadcaster.stats().droppedTotal,
  );
}
