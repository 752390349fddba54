/** From what is known to the answer of `GET /api/v1/performance/health`. */
import { rounded } from '../history/history.ts';
import type { HealthAnswer } from './answer.ts';
import { type Finding, statusOf } from './finding.ts';
import { instanceRules } from './rules/instances.ts';
import { storeRules } from './rules/stores.ts';
import { trafficRules } from './rules/traffic.ts';
import type { SystemState } from './system.ts';

/** Every rule, the servers that all depend on first. */
export function findingsOf(system: SystemState): Finding[] {
  return [...storeRules(system), ...instanceRules(system), ...trafficRules(system)];
}

export function composeHealth(
  system: SystemState,
  findings: readonly Finding[],
  samples: ReadonlyMap<string, number>,
): HealthAnswer {
  const { activity, jobs, finishedJobs } = system.collected;
  return {
    status: statusOf(findings),
    at: system.now,
    problems: findings.map(({ message }) => message),
    reasons: findings.map(({ key, severity, message, hint }) => ({ key, severity, message, hint })),
    postgres: postgresOf(system, findings),
    nats: natsOf(system, findings),
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
    instances: system.live.map(({ telemetry }) => telemetry),
    lost: system.lost.map(({ telemetry, receivedAt }) => ({
      service: telemetry.service,
      instance: telemetry.instance,
      url: telemetry.url,
      lastSeenAt: receivedAt,
      silentMs: system.now - receivedAt,
    })),
    collectors: system.collectors.map((state) => ({ ...state })),
    samples: Object.fromEntries([...samples].map(([name, value]) => [name, rounded(value)])),
  };
}

/** The findings about one part of the system, by the beginning of their key. */
function about(findings: readonly Finding[], ...beginnings: string[]) {
  const own = findings.filter(({ key }) => beginnings.some((beginning) => key.startsWith(beginning)));
  return { status: statusOf(own), problem: own[0]?.message ?? null };
}

function postgresOf({ collected }: SystemState, findings: readonly Finding[]): HealthAnswer['postgres'] {
  const { activity, replication, size } = collected;
  const connections = activity?.connections;
  return {
    ...about(findings, 'postgres', 'collector postgres', 'replica', 'slot', 'blocker', 'transaction'),
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
    ...about(findings, 'nats', 'stream'),
    version: nats?.version ?? null,
    roundTripMs: nats ? rounded(nats.roundTripMs) : null,
    streams: (nats?.streams ?? []).map(({ maxBytes: _limit, ...stream }) => stream),
  };
}
