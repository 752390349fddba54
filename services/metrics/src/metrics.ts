import type { Metrics } from '@tidemark/service';
import type { Alerts } from './alerts/alerts.ts';
import type { DeliveryState } from './alerts/delivery.ts';
import type { History } from './history/history.ts';
import type { LatencyHistory } from './history/latencies.ts';
import type { Registry } from './instances/registry.ts';
import type { Store } from './store/store.ts';
import type { Broadcaster } from './stream/broadcaster.ts';
import type { Timeline } from './timeline/timeline.ts';

export interface MetricsSources {
  registry: Registry;
  history: History;
  latencies: Pick<LatencyHistory, 'bytes'>;
  broadcaster: Broadcaster;
  alerts: Pick<Alerts, 'parts' | 'health'>;
  timeline: Timeline;
  store: Pick<Store, 'storedBytes' | 'omittedTotal'>;
}

export function registerMetrics(
  metrics: Metrics,
  { registry, history, latencies, broadcaster, alerts, timeline, store }: MetricsSources,
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
  value('tidemark_metrics_latencies_bytes', 'Memory used by the sketches of latencies', () => latencies.bytes);
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
  value(
    'tidemark_metrics_alerts',
    'Alerts that last, or about which a receiver must be notified',
    () => alerts.parts.book.size,
  );
  value(
    'tidemark_metrics_alerts_refused_total',
    'Problems without an alert, because there were too many',
    () => alerts.parts.book.refusedTotal,
  );
  value('tidemark_metrics_events', 'Events kept in memory', () => timeline.size);
  value(
    'tidemark_metrics_events_dropped_total',
    'Events dropped to make room for newer ones',
    () => timeline.droppedTotal,
  );
  value('tidemark_metrics_stored_bytes', 'Figures that are kept in Postgres', () => store.storedBytes);
  value('tidemark_metrics_stored_omitted_total', 'Figures that were too many to keep', () => store.omittedTotal);
  const perReceiver = (name: string, help: string, read: (state: DeliveryState) => number) =>
    metrics.gauge(name, help, ['receiver'], (gauge) => {
      for (const state of alerts.health().receivers) gauge.set({ receiver: state.name }, read(state));
    });
  perReceiver(
    'tidemark_metrics_alerts_waiting',
    'Alerts about which the receiver must be notified',
    ({ waiting }) => waiting,
  );
  perReceiver(
    'tidemark_metrics_alerts_told_total',
    'Alerts about which the receiver was notified',
    ({ toldTotal }) => toldTotal,
  );
  perReceiver(
    'tidemark_metrics_alert_failures_total',
    'Requests that the receiver did not accept',
    ({ failuresTotal }) => failuresTotal,
  );
}
