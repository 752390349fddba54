import type { BusEvent } from '@tidemark/bus';
import type { DbEvent } from '@tidemark/db';
import type { Level } from 'pino';
import type { DescriptorEvent } from './descriptors.ts';
import type { TaskFailed } from './every.ts';
import type { MemoryEvent } from './memory-pressure.ts';
import type { Metrics } from './metrics.ts';
import type { Observe } from './observe.ts';
import type { KeyEvent } from './tokens/key-source.ts';

export type SharedEvent =
  | DbEvent
  | BusEvent
  | KeyEvent
  | TaskFailed
  | MemoryEvent
  | DescriptorEvent
  | { type: 'tracing.failed'; error: Error };

export const sharedEventLevels: Readonly<Record<SharedEvent['type'], Level | undefined>> = {
  'db.connected': 'debug',
  'db.connect_failed': 'warn',
  'db.connection_lost': 'warn',
  'db.refused': undefined,
  'db.acquire_timeout': undefined,
  'db.leak': 'error',
  'db.statement_overrun': 'warn',
  'db.slow_statement': 'warn',
  'db.replica_unhealthy': 'warn',
  'db.replica_healthy': 'info',
  'db.epoch_changed': 'warn',
  'db.schema_drifted': 'error',
  'db.schema_unchecked': 'warn',
  'db.role_settings_failed': 'warn',
  'db.roles_unchecked': 'warn',
  'db.pools_shrunk': 'warn',
  'db.too_few_connections': 'warn',
  'db.primary_moved': 'error',
  'db.promotion_ignored': 'error',
  'db.promotion_failed': 'error',
  'auth.keys_changed': 'info',
  'auth.keys_failed': 'warn',
  'bus.connected': 'debug',
  'bus.disconnected': 'warn',
  'bus.reconnected': 'info',
  'bus.error': 'warn',
  'bus.unauthorized': 'error',
  'bus.permission_denied': 'error',
  'bus.slow_consumer': 'warn',
  'bus.invalid_payload': 'warn',
  'changes.following': 'debug',
  'changes.failed': 'warn',
  'changes.gap': 'warn',
  'changes.epoch': 'info',
  'tracing.failed': 'warn',
  'task.failed': 'error',
  'memory.given_back': 'warn',
  'descriptors.low': 'warn',
  'descriptors.refusing': 'warn',
  'descriptors.accept_failed': 'error',
};

export function sharedEventCounter(metrics: Metrics): Observe<{ type: string }> {
  const total = metrics.counter('tidemark_events_total', 'Events, by type', ['type']);
  return (event) => total.inc({ type: event.type });
}
