import type { RecordedStatement } from '@tidemark/contracts';
import type { Holder } from './types.ts';

export type DbEvent =
  | { type: 'db.connected'; pool: string; ms: number }
  | { type: 'db.connect_failed'; pool: string; error: Error }
  | { type: 'db.connection_lost'; pool: string; pending: number; error: Error }
  | { type: 'db.refused'; pool: string; waiting: number }
  | { type: 'db.acquire_timeout'; pool: string; waitedMs: number }
  | { type: 'db.leak'; pool: string; heldMs: number; holder: Holder; stack: string | undefined }
  | { type: 'db.statement_overrun'; pool: string; ms: number; holder: Holder }
  /** At most 10 a second are reported; the counters have all. */
  | ({ type: 'db.slow_statement' } & RecordedStatement)
  | { type: 'db.replica_unhealthy'; replica: string; reason: string }
  | { type: 'db.replica_healthy'; replica: string }
  | { type: 'db.epoch_changed'; from: string; to: string }
  | { type: 'db.primary_moved'; from: string; to: string; timeline: number; epoch: string }
  /** The pools are shrunk so that all instances fit. `free` counts the unused connections at its start. */
  | {
      type: 'db.pools_shrunk';
      server: string;
      available: number;
      free: number;
      pools: Readonly<Record<string, number>>;
    }
  /** All pools and the `others` may ask for more connections than the server allows. Nothing has failed yet. */
  | {
      type: 'db.too_few_connections';
      server: string;
      available: number;
      needed: number;
      instances: number;
      others: number;
      error: Error;
    }
  /** The schema `tidemark` was changed by hand; at most 20 lines of each kind are listed. `error` has the remedy. */
  | { type: 'db.schema_drifted'; server: string; missing: string[]; unexpected: string[]; error: Error }
  /** The statement_timeout of roles could not be read; the values read before stay in force. */
  | { type: 'db.role_settings_failed'; error: Error }
  /** Whether roles have changed could not be read; the next check tries again. */
  | { type: 'db.roles_unchecked'; error: Error }
  | { type: 'db.schema_unchecked'; server: string; error: Error }
  | { type: 'db.promotion_ignored'; reason: string }
  | { type: 'db.promotion_failed'; to: string; error: Error };
