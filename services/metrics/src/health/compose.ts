import type { Activity } from '../collectors/postgres-activity.ts';
import { rounded } from '../history/history.ts';
import type { HealthAnswer } from './answer.ts';
import { type DatedFinding, type Finding, statusOf } from './finding.ts';
import { type Context, problemsOf } from './problems.ts';
import { ruledOut } from './ruled-out.ts';
import { certificateRules } from './rules/certificates.ts';
import { deliveryRules } from './rules/deliveries.ts';
import { heapRules } from './rules/heap.ts';
import { indexRules } from './rules/indexes.ts';
import { instanceRules } from './rules/instances.ts';
import { jobRules } from './rules/jobs.ts';
import { poolRules } from './rules/pools.ts';
import { relayRules } from './rules/relay.ts';
import { replicationRules } from './rules/replication.ts';
import { sessionRules } from './rules/sessions.ts';
import { slowStatementRules } from './rules/statements.ts';
import { storeRules } from './rules/stores.ts';
import { trafficRules } from './rules/traffic.ts';
import { userRules } from './rules/users.ts';
import type { SystemState } from './system-state.ts';
import { unknownRules } from './unknown-rules.ts';

/** Evaluates every rule. */
export function findingsOf(state: SystemState): Finding[] {
  return [
    ...storeRules(state),
    ...sessionRules(state),
    ...replicationRules(state),
    ...instanceRules(state),
    ...heapRules(state),
    ...trafficRules(state),
    ...poolRules(state),
    ...relayRules(state),
    ...jobRules(state),
    ...slowStatementRules(state),
    ...indexRules(state),
    ...certificateRules(state),
    ...userRules(state),
    ...deliveryRules(state),
  ];
}

export function composeHealth(
  state: SystemState,
  findings: readonly DatedFinding[],
  samples: ReadonlyMap<string, number>,
  context: Omit<Context, 'ruledOut'>,
): HealthAnswer {
  const { activity, jobs, finishedJobs } = state.collected;
  const unknown = unknownRules(state.collectors);
  const found = new Set(findings.map(({ rule }) => rule));
  const problems = problemsOf(findings, {
    ...context,
    ruledOut: (finding) => ruledOut(finding, found, unknown, state),
  });
  return {
    status: statusOf(findings),
    at: state.now,
    problems: problems.filter(({ root }) => root === null).map(({ message }) => message),
    findings: problems,
    unknown,
    postgres: postgresOf(state, findings),
    nats: natsOf(state, findings),
    jobs: {
      queued: jobs?.queued ?? null,
      running: jobs?.running ?? null,
      finishedLastHour: finishedJobs?.finishedLastHour ?? null,
      failedLastHour: finishedJobs?.failedLastHour ?? null,
    },
    activeJobs: jobs?.active ?? [],
    activity: activity
      ? {
          commitsPerSecond: activity.commitsPerSecond ?? null,
          walBytesPerSecond: activity.walBytesPerSecond ?? null,
          waitingForLock: activity.connections.waitingForLock,
          oldestTransaction: oldestOf(activity.oldestTransaction),
        }
      : null,
    instances: state.live.map(({ telemetry }) => telemetry),
    lost: state.lost.map(({ telemetry, receivedAt }) => ({
      service: telemetry.service,
      instance: telemetry.instance,
      url: telemetry.url,
      lastSeenAt: receivedAt,
      silentMs: state.now - receivedAt,
    })),
    collectors: state.collectors.map((state) => ({ ...state })),
    samples: Object.fromEntries([...samples].map(([name, value]) => [name, rounded(value)])),
  };
}

function oldestOf(oldest: Activity['oldestTransaction']): NonNullable<HealthAnswer['activity']>['oldestTransaction'] {
  if (oldest === null) return null;
  const { pid, application, state, seconds, statement } = oldest;
  return { pid, application, state, seconds, statement };
}

/** Returns the status of one part of the system, from the findings whose rule and subject start with one of `prefixes`. */
function partStatus(findings: readonly Finding[], ...prefixes: string[]) {
  const own = findings.filter(({ rule, subject }) =>
    prefixes.some((prefix) => `${rule} ${subject}`.startsWith(prefix)),
  );
  return { status: statusOf(own), problem: own[0]?.message ?? null };
}

function postgresOf({ collected }: SystemState, findings: readonly Finding[]): HealthAnswer['postgres'] {
  const { activity, replication, size } = collected;
  const connections = activity?.connections;
  return {
    ...partStatus(
      findings,
      'postgres.',
      'collector.fails postgres',
      'replica.',
      'slot.',
      'lock.',
      'transaction.',
      'statement.',
    ),
    version: activity?.version ?? null,
    walLsn: activity?.walLsn ?? null,
    connections: connections
      ? {
          total: connections.total,
          active: connections.active,
          idleInTransaction: connections.idleInTransaction,
          max: connections.max,
        }
      : null,
    replication: replication?.replicas ?? [],
    slots: (replication?.slots ?? []).map(({ safeBytes: _safe, ...slot }) => slot),
    databaseBytes: size?.databaseBytes ?? null,
  };
}

function natsOf({ collected: { nats } }: SystemState, findings: readonly Finding[]): HealthAnswer['nats'] {
  return {
    ...partStatus(findings, 'nats.', 'stream.'),
    version: nats?.version ?? null,
    roundTripMs: nats ? rounded(nats.roundTripMs) : null,
    streams: (nats?.streams ?? []).map(({ maxBytes: _limit, ...stream }) => stream),
  };
}
