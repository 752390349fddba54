/** `GET /api/v1/performance/health`: the contract's answer, and what the console needs beyond it. */
import { PerformanceHealth } from '@tidemark/contracts';
import { type Static, Type } from 'typebox';

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const Reason = Type.Object({
  key: Type.String({ description: 'the same for as long as the problem lasts' }),
  severity: Type.Union([Type.Literal('degraded'), Type.Literal('down')]),
  message: Type.String({ description: 'names the culprit' }),
  hint: Type.String({ description: 'what to do about it' }),
});

export const HealthAnswer = Type.Object({
  ...PerformanceHealth.properties,
  reasons: Type.Array(Reason, { description: 'the problems with their remedies; the worst first' }),
  lost: Type.Array(
    Type.Object({
      service: Type.String(),
      instance: Type.String(),
      url: Type.String(),
      lastSeenAt: Type.Integer({ description: 'ms since 1970' }),
      silentMs: Type.Integer(),
    }),
    { description: 'instances that have fallen silent' },
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
          statement: Type.String({ description: 'without values' }),
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
      total: Type.Integer(),
      done: Type.Integer(),
      failed: Type.Integer(),
      createdAt: Type.Number(),
      startedAt: nullable(Type.Number()),
    }),
    { description: 'running ones first; at most 20' },
  ),
  collectors: Type.Array(
    Type.Object({
      name: Type.String(),
      intervalMs: Type.Integer(),
      collectedAt: nullable(Type.Integer()),
      tookMs: nullable(Type.Integer()),
      error: nullable(Type.String()),
      hint: nullable(Type.String()),
      failingSince: nullable(Type.Integer()),
      runsTotal: Type.Integer(),
      failuresTotal: Type.Integer(),
    }),
  ),
  samples: Type.Record(Type.String(), nullable(Type.Number()), {
    description: 'the newest value of every series of /api/v1/performance/history',
  }),
});
export type HealthAnswer = Static<typeof HealthAnswer>;
export type Reason = Static<typeof Reason>;
