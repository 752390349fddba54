import type { Bus } from '@tidemark/bus';
import type { Database } from '@tidemark/db';
import type { Tracing } from '@tidemark/service';
import type { RealtimeEvent } from '../events.ts';

export interface RelayOptions {
  database: Database;
  bus: Bus;
  instance: string;
  /** Address of the primary, with a user that has REPLICATION. */
  url: string;
  slot: string;
  publication: string;
  maxTransactionBytes: number;
  maxInFlight: number;
  maxInFlightBytes: number;
  /** Limit of the WAL that the slot keeps, bytes. */
  walBudgetBytes: number;
  definitionsCheckMs: number;
  tracing: Tracing | undefined;
  observe: (event: RealtimeEvent) => void;
}
