/** What the rules look at: everything that is known at one moment. */
import type { Collected } from '../collectors/collected.ts';
import type { CollectorState } from '../collectors/collector.ts';
import type { Instance } from '../instances/registry.ts';

export interface Limits {
  /** Services whose absence is a problem. */
  expected: readonly string[];
  replicaLagMs: number;
  slotBytes: number;
  transactionMs: number;
}

export interface System {
  now: number;
  live: readonly Instance[];
  lost: readonly Instance[];
  collected: Collected;
  collectors: readonly CollectorState[];
  limits: Limits;
}

export const seconds = (ms: number) => `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
export const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2).toLocaleString('en')} MiB`;
