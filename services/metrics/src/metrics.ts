/** What this service itself holds: each bounded thing has a gauge, each policy when full a counter. */
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
  value('tidemark_metrics_instances', 'Instances kept, lost ones too', registry.size);
  value('tidemark_metrics_telemetry_refused_total', 'Telemetry for which there was no room', registry.refusedTotal);
  value('tidemark_metrics_history_bytes', 'Memory of the history', history.bytes);
  value('tidemark_metrics_samples_refused_total', 'Samples for which there was no room', history.refusedTotal);
  value('tidemark_metrics_stream_clients', 'Clients of the stream', () => broadcaster.stats().clients);
  value(
    'tidemark_metrics_stream_skipped_total',
    'Messages skipped for slow clients',
    () => broadcaster.stats().skippedTotal,
  );
  value(
    'tidemark_metrics_stream_dropped_total',
    'Clients dropped for being slow',
    () => broadcaster.stats().droppedTotal,
  );
}
