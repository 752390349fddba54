/** Telemetry of an instance, each second. Counters grow for the life of the process; readers compute differences. */
import { type Static, Type } from 'typebox';
import { LatencyBins, LatencyWindow } from './latency.ts';
import type { Subjects } from './subjects.ts';

const count = Type.Integer({ minimum: 0 });
const ms = Type.Number({ minimum: 0 });
const bytes = Type.Number({ minimum: 0 });

/** An idle process sends every second one. */
export const TELEMETRY_INTERVAL_MS = 1_000;
/** A message takes about 20 KB; readers keep at most this much for each instance. */
export const TELEMETRY_MAX_BYTES = 128 * 1_024;

export const PoolStats = Type.Object({
  /** `write`, `read:<replica>`, `analytics`, `admin`. */
  name: Type.String(),
  min: count,
  max: count,
  /** Connections that may be in use now, as many as the server can use efficiently: between min and max. */
  limit: Type.Optional(count),
  /** Slots by state. */
  slots: Type.Object({ connecting: count, idle: count, busy: count, closing: count }),
  /** busy / max over the last second, from 0 to 1. */
  utilisation: Type.Number({ minimum: 0 }),
  waiting: count,
  waitingLimit: count,
  acquiredTotal: count,
  refusedTotal: count,
  timeoutsTotal: count,
  connectErrorsTotal: count,
  discardedTotal: count,
  leaksTotal: count,
  /** Memory of prepared statements in the backends of the pool's connections. */
  preparedBytes: Type.Optional(bytes),
  /** Memory of the service for texts and statistics of the pool's statements. */
  statisticsBytes: Type.Optional(bytes),
  /** Connections replaced because their prepared statements reached the memory limit. */
  replacedTotal: Type.Optional(count),
  /** Prepared statements closed to make room for others. */
  evictedTotal: Type.Optional(count),
  waitP50Ms: ms,
  waitP99Ms: ms,
  waitWindow: Type.Optional(LatencyWindow),
  /** The connection in use for longest, without pipelines. */
  longest: Type.Optional(
    Type.Object({
      pid: Type.Integer(),
      heldMs: ms,
      route: Type.Union([Type.String(), Type.Null()]),
      /** The text without literals, at most 300 characters. */
      statement: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      /** Connections in use by the same statement, with this one. */
      same: Type.Optional(count),
    }),
  ),
  /** Connections held for longer than the threshold of leaks (30 s) now, and the oldest of them. */
  leak: Type.Optional(
    Type.Object({
      count,
      pid: Type.Integer(),
      heldMs: ms,
      since: Type.Integer(),
      route: Type.Union([Type.String(), Type.Null()]),
      /** The file and line that took it. */
      place: Type.Union([Type.String({ maxLength: 300 }), Type.Null()]),
    }),
  ),
  /** Statements whose p95 is over 250 ms: they leave the rest of the connections to short ones. */
  long: Type.Optional(Type.Object({ inUse: count, limit: count, waiting: count })),
});
export type PoolStats = Static<typeof PoolStats>;

export const ReplicaStats = Type.Object({
  name: Type.String(),
  healthy: Type.Boolean(),
  reason: Type.Union([Type.String(), Type.Null()]),
  replayedLsn: Type.Union([Type.String(), Type.Null()]),
  lagBytes: Type.Union([bytes, Type.Null()]),
  lagMs: Type.Union([ms, Type.Null()]),
  checkedAt: Type.Integer(),
});
export type ReplicaStats = Static<typeof ReplicaStats>;

export const HttpStats = Type.Object({
  requestsTotal: count,
  inFlight: count,
  errorsTotal: count,
  /** Percentiles over the last minute. */
  p50Ms: ms,
  p95Ms: ms,
  p99Ms: ms,
  routes: Type.Array(
    Type.Object({
      route: Type.String(),
      requestsTotal: count,
      errorsTotal: count,
      p50Ms: ms,
      p95Ms: ms,
      p99Ms: ms,
      window: Type.Optional(LatencyWindow),
    }),
    { maxItems: 50 },
  ),
});
export type HttpStats = Static<typeof HttpStats>;

export const TrafficRow = Type.Object({
  route: Type.String(),
  table: Type.Union([Type.String(), Type.Null()], { description: 'the table or function in the path' }),
  requests: count,
  p99Ms: ms,
  bins: Type.Optional(LatencyBins),
  serverErrors: Type.Integer({ minimum: 0, description: 'responses with 5xx, without 503' }),
  refused: Type.Integer({ minimum: 0, description: 'responses with 429 or 503' }),
  sqlStates: Type.Record(Type.String(), count, { description: 'errors by SQLSTATE class, however they were answered' }),
});
export type TrafficRow = Static<typeof TrafficRow>;

/** Requests by route and table in the last window of 10 s that has ended. Each 5 s one ends, which overlaps the one before. */
export const TrafficWindow = Type.Object({
  to: Type.Integer({ description: 'its end, ms since 1970' }),
  rows: Type.Array(TrafficRow, { maxItems: 64 }),
});
export type TrafficWindow = Static<typeof TrafficWindow>;

export const CacheStats = Type.Object({
  bytes,
  limitBytes: bytes,
  entries: count,
  hitsTotal: count,
  missesTotal: count,
  storedTotal: count,
  refusedTotal: Type.Integer({ minimum: 0, description: 'answers older than a change, or too large' }),
  droppedTotal: Type.Integer({ minimum: 0, description: 'entries that changes or pauses made useless' }),
  paused: Type.Union([Type.String(), Type.Null()], { description: 'why nothing is served from it now' }),
});
export type CacheStats = Static<typeof CacheStats>;

export const ReadStats = Type.Object({
  /** Data reads by the place that answered them. */
  replicaTotal: count,
  primaryTotal: count,
  cacheTotal: count,
  /** Reads that waited for a replica to reach a tidemark. */
  waitedTotal: count,
});
export type ReadStats = Static<typeof ReadStats>;

/** One statement over all pools of a service: counters since the start, percentiles over the last minute. */
export const StatementFigures = Type.Object({
  /** Hash of the text: the same in every instance. */
  id: Type.String(),
  /** The text without constants, at most 500 characters. */
  text: Type.String(),
  /** Hash of its shape (`statementShape`), which joins it with pg_stat_statements. Older instances do not send it. */
  shape: Type.Optional(Type.String()),
  callsTotal: count,
  errorsTotal: count,
  slowTotal: count,
  rowsTotal: count,
  bytesTotal: count,
  totalMs: ms,
  /** Wait for a connection, or for earlier statements in a pipeline. */
  waitP50Ms: ms,
  waitP95Ms: ms,
  waitP99Ms: ms,
  p50Ms: ms,
  p95Ms: ms,
  p99Ms: ms,
});
export type StatementFigures = Static<typeof StatementFigures>;

export const SocketStats = Type.Object({
  open: count,
  openedTotal: count,
  closedTotal: count,
  subscriptions: count,
  topics: count,
  deliveredTotal: count,
  framesTotal: count,
  bufferedBytes: bytes,
  conflatedTotal: count,
  resyncsTotal: count,
  deliveryP50Ms: ms,
  deliveryP99Ms: ms,
  deliveryWindow: Type.Optional(LatencyWindow),
  liveUrl: Type.Optional(
    Type.String({ maxLength: 512, description: 'the address at which clients reach /live of this instance' }),
  ),
});
export type SocketStats = Static<typeof SocketStats>;

export const RelayStats = Type.Object({
  role: Type.Union([Type.Literal('active'), Type.Literal('standby'), Type.Literal('stopped')]),
  epoch: Type.Union([Type.String(), Type.Null()]),
  confirmedLsn: Type.Union([Type.String(), Type.Null()]),
  lagBytes: Type.Union([bytes, Type.Null()]),
  transactionsTotal: count,
  changesTotal: count,
  publishedTotal: count,
  inFlight: count,
  lastError: Type.Union([Type.String(), Type.Null()]),
});
export type RelayStats = Static<typeof RelayStats>;

export const WorkerStats = Type.Object({
  threads: count,
  busy: count,
  /** Decoded bytes admitted now, and their limit. */
  admittedBytes: bytes,
  admissionLimitBytes: bytes,
  chunksDoneTotal: count,
  chunksFailedTotal: count,
  chunksRetriedTotal: count,
  itemsDoneTotal: count,
  itemsFailedTotal: count,
  itemP50Ms: ms,
  itemP99Ms: ms,
  itemWindow: Type.Optional(LatencyWindow),
  recycledTotal: count,
});
export type WorkerStats = Static<typeof WorkerStats>;

export const ProcessStats = Type.Object({
  rssBytes: bytes,
  heapUsedBytes: bytes,
  heapTotalBytes: bytes,
  /** V8 ends the process when its heap reaches it (--max-old-space-size). */
  heapLimitBytes: Type.Optional(bytes),
  externalBytes: bytes,
  /** Pauses of the garbage collector since the start, and the heap right after the last full collection. */
  gc: Type.Optional(Type.Object({ total: count, totalMs: ms, heapAfterBytes: Type.Union([bytes, Type.Null()]) })),
  /** CPU over the last second, in percent of one core. */
  cpuPercent: Type.Number({ minimum: 0 }),
  eventLoopDelayP99Ms: ms,
  uptimeSeconds: Type.Number({ minimum: 0 }),
});
export type ProcessStats = Static<typeof ProcessStats>;

export const ServiceNameSchema = Type.Enum(['gateway', 'realtime', 'batch', 'metrics']);

export const Telemetry = Type.Object({
  service: ServiceNameSchema,
  instance: Type.String({ maxLength: 64 }),
  pid: Type.Integer(),
  url: Type.String({ description: 'the address at which this instance listens' }),
  startedAt: Type.Integer(),
  at: Type.Integer(),
  ready: Type.Boolean(),
  version: Type.Optional(Type.String({ maxLength: 64 })),
  /** A hash of each setting that cannot hold a secret, to see which changed. */
  settings: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 8 }))),
  /** Set in the last message of a process that was asked to stop. */
  stopping: Type.Optional(Type.Boolean()),
  /** Why the instance is not ready; empty when it is. */
  problems: Type.Array(Type.String(), { maxItems: 20 }),
  process: ProcessStats,
  http: Type.Optional(HttpStats),
  /** In the message after the end of each window. */
  traffic: Type.Optional(TrafficWindow),
  reads: Type.Optional(ReadStats),
  cache: Type.Optional(CacheStats),
  pools: Type.Optional(Type.Array(PoolStats, { maxItems: 32 })),
  replicas: Type.Optional(Type.Array(ReplicaStats, { maxItems: 16 })),
  statements: Type.Optional(Type.Array(StatementFigures, { maxItems: 20 })),
  sockets: Type.Optional(SocketStats),
  relay: Type.Optional(RelayStats),
  workers: Type.Optional(WorkerStats),
});
export type Telemetry = Static<typeof Telemetry>;

/** Undefined if it comes from the instance that it names. NATS lets a service publish under its own name only. */
export function telemetrySenderProblem(
  subjects: Subjects,
  subject: string,
  { service, instance }: Pick<Telemetry, 'service' | 'instance'>,
): string | undefined {
  if (subject === subjects.telemetry(service, instance)) return undefined;
  return `it says that it comes from ${service}/${instance}`;
}

export type TelemetrySections = Pick<
  Telemetry,
  'http' | 'traffic' | 'reads' | 'cache' | 'pools' | 'replicas' | 'statements' | 'sockets' | 'relay' | 'workers'
>;
