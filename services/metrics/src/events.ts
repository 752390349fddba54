import type { SharedEvent } from '@tidemark/service';

type Status = 'ok' | 'degraded' | 'down';

export type MetricsEvent =
  | { type: 'metrics.status_changed'; from: Status; to: Status; problems: string[] }
  | { type: 'metrics.instance_seen'; source: string }
  | { type: 'metrics.instance_lost'; source: string; silentMs: number }
  | { type: 'metrics.instance_dropped'; source: string }
  | { type: 'metrics.instance_refused'; source: string; limit: number }
  | { type: 'metrics.collector_failed'; collector: string; error: Error }
  | { type: 'metrics.collector_recovered'; collector: string }
  | { type: 'metrics.statements_exposed'; schema: string; readers: readonly string[] }
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
  'metrics.stream_opened': 'debug',
  'metrics.stream_closed': 'debug',
};
