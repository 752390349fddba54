import { rounded } from '../history/history.ts';
import type { HealthAnswer } from './answer.ts';
import { type Finding, statusOf } from './finding.ts';
import { instanceRules } from './rules/instances.ts';
import { storeRules } from './rules/stores.ts';
import { trafficRules } from './rules/traffic.ts';
import type { SystemState } from './system-state.ts';

/** Evaluates every rule. Findings about Postgres and NATS come first, because the others may be their consequences. */
export function findingsOf(state: SystemState): Finding[] {
  return [...storeRules(state), ...instanceRules(state), ...trafficRules(state)];
}

export function composeHealth(
  state: SystemState,
  findings: readonly Finding[],
  samples: ReadonlyMap<string, number>,
): HealthAnswer {
  const { activity, jobs, finishedJobs } = state.collected;
  return {
    status: statusOf(findings),
    at: state.now,
    problems: findings.map(({ message }) => message),
    reasons: findings.map(({ key, severity, message, hint }) => ({ key, severity, message, hint })),
    postgres: postgresOf(state, findings),
    nats: natsOf(state, findings),
    jobs: {
      queued: jobs?.queued ?? 0,
      running: jobs?.running ?? 0,
      finishedLastHour: finishedJobs?.finishedLastHour ?? 0,
      failedLastHour: finishedJobs?.failedLastHour ?? 0,
    },
    activeJobs: jobs?.active ?? [],
    activity: activity
      ? {
          commitsPerSecond: activity.commitsPerSecond ?? null,
          walBytesPerSecond: activity.walBytesPerSecond ?? null,
          waitingForLock: activity.connections.waitingForLock,
          oldestTransaction: activity.oldestTransaction,
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

/** Returns the status of one part of the system, from the findings whose key starts with one of `prefixes`. */
function partStatus(findings: readonly Finding[], ...prefixes: string[]) {
  const own = findings.filter(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)));
  return { status: statusOf(own), problem: own[0]?.message ?? null };
}

function postgresOf({ collected }: SystemState, findings: readonly Finding[]): HealthAnswer['postgres'] {
  const { activity, replication, size } = collected;
  const connections = activity?.connections;
  return {
    ...partStatus(findings, 'postgres', 'collector postgres', 'replica', 'slot', 'blocker', 'transaction'),
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
    slots: replication?.slots ?? [],
    databaseBytes: size?.databaseBytes ?? null,
  };
}

function natsOf({ collected: { nats } }: SystemState, findings: readonly Finding[]): HealthAnswer['nats'] {
  return {
    ...partStatus(findings, 'nats', 'stream'),
    version: nats?.version ?? null,
    roundTripMs: nats ? rounded(nats.roundTripMs) : null,
    streams: (nats?.streams ?? []).map(({ maxBytes: _limit, ...stream }) => stream),
  };
}
