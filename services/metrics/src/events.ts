import type { Severity } from '@tidemark/contracts';
import type { SharedEvent } from '@tidemark/service';

type Status = 'ok' | 'degraded' | 'down';

interface ActionEvent {
  rule: string;
  key: string;
  sql: string;
  by: string;
  outcome: string;
  detail: string | null;
}

export type MetricsEvent =
  | { type: 'metrics.status_changed'; from: Status; to: Status; problems: string[] }
  | { type: 'metrics.instance_seen'; source: string }
  | { type: 'metrics.instance_lost'; source: string; silentMs: number }
  | { type: 'metrics.instance_dropped'; source: string }
  | { type: 'metrics.instance_refused'; source: string; limit: number }
  | { type: 'metrics.collector_failed'; collector: string; error: Error }
  | { type: 'metrics.collector_recovered'; collector: string }
  | { type: 'metrics.statements_exposed'; schema: string; readers: readonly string[] }
  | { type: 'metrics.alert_began'; key: string; severity: Severity; message: string }
  | { type: 'metrics.alert_ended'; key: string; lastedMs: number }
  | { type: 'metrics.alerts_delivered'; receiver: string; alerts: number }
  | { type: 'metrics.alerts_undelivered'; receiver: string; host: string; alerts: number; error: Error }
  | { type: 'metrics.alerts_not_stored'; error: Error }
  | ({ type: 'metrics.action' } & ActionEvent)
  | { type: 'metrics.action_not_stored'; error: Error }
  | { type: 'metrics.store_failed'; error: Error }
  | { type: 'metrics.heartbeat_failed'; host: string; error: Error }
  | { type: 'metrics.stream_opened'; clients: number }
  | { type: 'metrics.stream_closed'; clients: number; reason: 'left' | 'slow' | 'expired' | 'shutdown' };

export type ServiceEvent = MetricsEvent | SharedEvent;

export const eventLevels: Readonly<Record<MetricsEvent['type'], 'debug' | 'info' | 'warn' | undefined>> = {
  'metrics.status_changed': 'warn',
  'metrics.instance_seen': 'info',
  'metrics.instance_lost': 'warn',
  'metrics.instance_dropped': 'info',
  'metrics.instance_refused': undefined,
  'metrics.collector_failed': 'warn',
  'metrics.collector_recovered': 'info',
  'metrics.statements_exposed': 'warn',
  'metrics.alert_began': 'warn',
  'metrics.alert_ended': 'info',
  'metrics.alerts_delivered': 'info',
  'metrics.alerts_undelivered': 'warn',
  'metrics.alerts_not_stored': 'warn',
  'metrics.action': 'warn',
  'metrics.action_not_stored': 'warn',
  'metrics.store_failed': 'warn',
  'metrics.heartbeat_failed': 'warn',
  'metrics.stream_opened': 'debug',
  'metrics.stream_closed': 'debug',
};
