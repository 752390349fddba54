/** The limits of the health rules. METRICS_THRESHOLDS_FILE is a JSON object with those that differ. */
import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { errors } from '../errors.ts';

const limit = (value: number, description: string) => Type.Number({ default: value, minimum: 0, description });

export const Thresholds = Type.Object(
  {
    poolWaitMs: limit(100, 'ms that requests wait for a connection, p99, for 10 s'),
    statementMs: limit(8_000, 'ms that one statement of another application runs'),
    connectionsShare: limit(0.9, 'share of max_connections in use'),
    applicationShare: limit(0.5, 'share of max_connections that one application has, from which it is named'),
    heapShare: limit(0.8, 'share of the heap limit that stays in use for 60 s'),
    heapLeakBytesPerS: limit(1024 ** 2, 'bytes a second by which what stays in use grows, for 60 s'),
    slotBudgetShare: limit(0.8, 'share of the WAL that a slot may retain (max_slot_wal_keep_size)'),
    slotUnreadMs: limit(5_000, 'ms without a consumer of a logical replication slot'),
    errorShare: limit(0.05, 'share of responses with status 5xx'),
    lateErrorShare: limit(0.001, 'share of responses with status 5xx over 5 minutes and over an hour, from 20 of them'),
    chunkWaitHighMs: limit(10_000, 'ms that a chunk of a job of high priority waits for a worker'),
    chunkWaitMs: limit(60_000, 'ms that one of normal priority waits'),
    chunkWaitLowMs: limit(600_000, 'ms that one of low priority waits'),
    busyShare: limit(0.9, 'share of the workers of an instance that are busy, in the mean of a minute'),
    overdueMs: limit(10_000, 'ms after its deadline that a job has not ended'),
    slowShare: limit(0.01, 'share of the runs of a statement that are slow (DB_SLOW_MS) over a minute'),
    relayStallMs: limit(30_000, 'ms that the relay confirms nothing while the WAL grows'),
    certificateDays: limit(14, 'days until a certificate of METRICS_CERTIFICATE_URLS ends'),
  },
  { additionalProperties: false },
);
export type Thresholds = Static<typeof Thresholds>;

export const DEFAULT_THRESHOLDS: Thresholds = Value.Default(Thresholds, {}) as Thresholds;

/** @throws METRICS_THRESHOLDS for a file that cannot be read, or with other names or values */
export function loadThresholds(path: string): Thresholds {
  if (path === '') return DEFAULT_THRESHOLDS;
  const refuse = (reason: string, cause?: unknown) => errors.THRESHOLDS({ path, reason }, { cause });
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuse('it is not a JSON object');
  const thresholds = { ...DEFAULT_THRESHOLDS, ...given };
  const unknown = Object.keys(thresholds).filter((name) => !(name in DEFAULT_THRESHOLDS));
  if (unknown.length > 0)
    throw refuse(`there is no ${unknown.join(', ')}; there are ${Object.keys(DEFAULT_THRESHOLDS).join(', ')}`);
  const bad = Object.entries(thresholds).find(([, value]) => typeof value !== 'number' || !(value >= 0));
  if (bad) throw refuse(`${bad[0]} is ${JSON.stringify(bad[1])}, not a number from 0`);
  return thresholds;
}
