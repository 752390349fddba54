import type { Bus } from '@tidemark/bus';
import type { Database } from '@tidemark/db';
import type { Tracing } from '@tidemark/service';
import type { RealtimeEvent } from '../events.ts';

export interface RelayOptions {
  database: Database;
  bus: Bus;
  instance: string;
  /** The primary. Its user needs REPLICATION. */
  url: string;
  slot: string;
  publication: string;
  maxTransactionBytes: number;
  maxInFlight: number;
  maxInFlightBytes: number;
  /** Bytes of WAL that the slot may keep. */
  walBudgetBytes: number;
  /** Between two looks at the definitions of all published tables, ms. */
  definitionsCheckMs: number;
  /** Undefined where no collector is configured. */
  tracing: Tracing | undefined;
  observe: (event: RealtimeEvent) => void;
}
