/** Schema of `GET /api/v1/performance/health`: the state of all services in one response. */
import { type Static, Type } from 'typebox';
import { Telemetry } from './telemetry.ts';

const Status = Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('down')]);

/** Null: nobody knows, as Postgres does not answer. */
const Count = Type.Union([Type.Integer(), Type.Null()]);

export const PostgresHealth = Type.Object({
  status: Status,
  problem: Type.Union([Type.String(), Type.Null()]),
  version: Type.Union([Type.String(), Type.Null()]),
  walLsn: Type.Union([Type.String(), Type.Null()]),
  connections: Type.Union([
    Type.Object({
      total: Type.Integer(),
      active: Type.Integer(),
      idleInTransaction: Type.Integer(),
      max: Type.Integer(),
    }),
    Type.Null(),
  ]),
  replication: Type.Array(
    Type.Object({
      name: Type.String(),
      state: Type.String(),
      replayLsn: Type.Union([Type.String(), Type.Null()]),
      lagBytes: Type.Union([Type.Number(), Type.Null()]),
      lagMs: Type.Union([Type.Number(), Type.Null()]),
    }),
  ),
  slots: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.String(),
      active: Type.Boolean(),
      retainedBytes: Type.Union([Type.Number(), Type.Null()]),
      walStatus: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
  databaseBytes: Type.Union([Type.Number(), Type.Null()]),
});

export const NatsHealth = Type.Object({
  status: Status,
  problem: Type.Union([Type.String(), Type.Null()]),
  version: Type.Union([Type.String(), Type.Null()]),
  roundTripMs: Type.Union([Type.Number(), Type.Null()]),
  streams: Type.Array(
    Type.Object({
      name: Type.String(),
      messages: Type.Number(),
      bytes: Type.Number(),
      consumers: Type.Integer(),
      pending: Type.Number(),
      ackPending: Type.Number(),
    }),
  ),
});

export const PerformanceHealth = Type.Object({
  status: Status,
  at: Type.Integer({ description: 'milliseconds since 1970' }),
  problems: Type.Array(Type.String()),
  postgres: PostgresHealth,
  nats: NatsHealth,
  jobs: Type.Object({
    queued: Count,
    running: Count,
    finishedLastHour: Count,
    failedLastHour: Count,
  }),
  instances: Type.Array(Telemetry),
});
export type PerformanceHealth = Static<typeof PerformanceHealth>;
