import { PerformanceHealth } from '@tidemark/contracts';
import { type Static, Type } from 'typebox';
import { Problem } from './problems.ts';

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const HealthAnswer = Type.Object({
  ...PerformanceHealth.properties,
  findings: Type.Array(Problem, {
    description:
      'each problem with its evidence and remedies, followed by those that it explains; down before degraded',
  }),
  unknown: Type.Array(Type.Object({ rule: Type.String(), why: Type.String() }), {
    description: 'rules that cannot find anything now, because what they look at is missing',
  }),
  lost: Type.Array(
    Type.Object({
      service: Type.String(),
      instance: Type.String(),
      url: Type.String(),
      lastSeenAt: Type.Integer({ description: 'ms since 1970' }),
      silentMs: Type.Integer(),
    }),
    { description: 'instances that have stopped sending telemetry' },
  ),
  activity: nullable(
    Type.Object({
      commitsPerSecond: nullable(Type.Number()),
      walBytesPerSecond: nullable(Type.Number()),
      waitingForLock: Type.Integer(),
      oldestTransaction: nullable(
        Type.Object({
          pid: Type.Integer(),
          application: Type.String(),
          state: Type.String(),
          seconds: Type.Number(),
          statement: Type.String({ description: 'without literals' }),
        }),
      ),
    }),
  ),
  activeJobs: Type.Array(
    Type.Object({
      id: Type.String(),
      kind: Type.String(),
      state: Type.String(),
      priority: Type.String(),
      total: Type.Integer({ description: 'items; 0 until the job is planned' }),
      done: Type.Integer(),
      failed: Type.Integer(),
      createdAt: Type.Number({ description: 'ms since 1970' }),
      startedAt: nullable(Type.Number()),
    }),
    { description: 'running jobs before queued ones; at most 20' },
  ),
  collectors: Type.Array(
    Type.Object({
      name: Type.String(),
      intervalMs: Type.Integer(),
      collectedAt: nullable(Type.Integer({ description: 'time of the last success, ms since 1970' })),
      tookMs: nullable(Type.Integer()),
      error: nullable(Type.String()),
      hint: nullable(Type.String()),
      failingSince: nullable(Type.Integer()),
      runsTotal: Type.Integer(),
      failuresTotal: Type.Integer(),
    }),
  ),
  samples: Type.Record(Type.String(), nullable(Type.Number()), {
    description: 'the newest value of every series of /api/v1/performance/timeseries',
  }),
});
export type HealthAnswer = Static<typeof HealthAnswer>;
