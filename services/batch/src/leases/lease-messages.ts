import type { WorkMessage } from '@tidemark/contracts';
import type { DatabaseOptions } from '@tidemark/db';

export interface LeaseThreadData {
  database: Omit<DatabaseOptions, 'observe'>;
  worker: string;
  leaseMs: number;
  /** One Int32, which the event loop of the service increases while it is not blocked. */
  beats: SharedArrayBuffer;
}

export type ToLeaseThread =
  /** `itemMs`: the time limit of an item of the chunk. */
  { type: 'hold'; chunk: WorkMessage; itemMs: number } | { type: 'release'; key: string } | { type: 'stop' };

export type FromLeaseThread =
  | { type: 'lost'; keys: string[] }
  /** Undefined: the leases are renewed again. */
  | { type: 'problem'; message: string | undefined };

export function keyOf({ job, chunk, attempt }: WorkMessage): string {
  return `${job}/${chunk}/${attempt}`;
}
