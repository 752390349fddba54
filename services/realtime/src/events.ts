import type { Level, SharedEvent } from '@tidemark/service';

export type RelayRole = 'active' | 'standby' | 'stopped';

type OwnEvent =
  | { type: 'relay.role'; role: RelayRole; epoch: string | null }
  | { type: 'relay.failed'; error: Error }
  | { type: 'relay.slot_created'; slot: string; lost: boolean }
  | { type: 'relay.slot_dropped'; slot: string; reason: string }
  | { type: 'relay.wal_budget'; slot: string; level: 'ok' | 'high' | 'over'; retainedBytes: number; limitBytes: number }
  | { type: 'relay.epoch_minted'; epoch: string; reason: string }
  | { type: 'relay.table_failed'; table: string; error: Error }
  | { type: 'relay.table_works'; table: string }
  | { type: 'relay.row_too_large'; xid: number; rows: number }
  | { type: 'relay.transaction_measured'; xid: number; bytes: number }
  /** `names` holds at most ten of the changed definitions. */
  | { type: 'definitions.changed'; count: number; names: string[] }
  | { type: 'definitions.failed'; error: Error }
  | { type: 'definitions.unseen'; xid: number; ms: number }
  | { type: 'definitions.unannounced'; hint: string }
  | { type: 'topic.failed'; table: string; error: Error }
  | { type: 'topic.resync'; table: string; reason: string }
  | { type: 'membership.failed'; error: Error }
  | { type: 'subscribe.refused'; code: string }
  | { type: 'channel.unchecked'; error: Error }
  | { type: 'socket.closed'; code: number; reason: string }
  | { type: 'socket.refused'; reason: string };

export type RealtimeEvent = OwnEvent | SharedEvent;

export const eventLevels: Readonly<Record<OwnEvent['type'], Level>> = {
  'relay.role': 'info',
  'relay.failed': 'warn',
  'relay.slot_created': 'info',
  'relay.slot_dropped': 'error',
  'relay.wal_budget': 'warn',
  'relay.epoch_minted': 'warn',
  'relay.table_failed': 'error',
  'relay.table_works': 'info',
  'relay.row_too_large': 'warn',
  'relay.transaction_measured': 'info',
  'definitions.changed': 'info',
  'definitions.failed': 'warn',
  'definitions.unseen': 'warn',
  'definitions.unannounced': 'info',
  'topic.failed': 'error',
  'topic.resync': 'debug',
  'membership.failed': 'warn',
  'subscribe.refused': 'debug',
  'channel.unchecked': 'warn',
  'socket.closed': 'debug',
  'socket.refused': 'warn',
};
