/**
 * The parts of the state that the event stream sends one by one: a page of the console asks for those that it shows. A topic is
 * sent when it has changed, and no more often than its period, so that a page takes some 2 KB a second with 80 instances.
 */

import type { Collected } from '../collectors/collectors.ts';
import type { HealthAnswer } from '../health/answer.ts';
import { capacityOf, type Resource } from '../health/capacity.ts';
import type { LatencyHistory } from '../history/latencies.ts';
import { lastMinute } from '../instances/last-minute.ts';
import { memoryOfAll } from '../instances/memory.ts';
import { poolsByName } from '../instances/pools.ts';
import { workersOfAll } from '../instances/workers.ts';
import type { TimelineEvent } from '../timeline/timeline.ts';

export interface TopicInputs {
  health: HealthAnswer;
  latencies: LatencyHistory;
  collected: Collected;
  /** The newest events, oldest first. */
  events: readonly TimelineEvent[];
}

const MAX_RESOURCES = 8;

export interface StatusTopic {
  at: number;
  status: HealthAnswer['status'];
  /** Findings that no other one explains. */
  problems: number;
  /** When the oldest of them began, ms since 1970. */
  since: number | null;
  /** The first of them, which is the worst. */
  key: string | null;
  message: string | null;
  /** Collectors that fail: their figures are missing. */
  failing: { name: string; error: string; collectedAt: number | null }[];
}

export interface FindingsTopic {
  findings: HealthAnswer['findings'];
  unknown: HealthAnswer['unknown'];
}

export interface PathTopic {
  requestsPerSecond: number | null;
  errorsPerSecond: number | null;
  /** A p99 of 0 is that of no requests. */
  gateways: { live: number; lost: number; inFlight: number | null; p99Ms: number | null };
  pools: { name: string; busy: number; max: number; waiting: number; waitP99Ms: number }[];
  primary: {
    status: string;
    active: number | null;
    total: number | null;
    max: number | null;
    waitingForLock: number | null;
  };
  replicas: { name: string; state: string; lagMs: number | null }[];
  relay: {
    instance: string;
    lagBytes: number | null;
    changesPerSecond: number | null;
    lastError: string | null;
  } | null;
  nats: { status: string; roundTripMs: number | null };
  realtime: {
    live: number;
    lost: number;
    sockets: number | null;
    deliveriesPerSecond: number | null;
    deliveryP99Ms: number | null;
  };
  batch: { live: number; lost: number; busy: number | null; threads: number | null; itemsPerSecond: number | null };
  rssBytes: number | null;
}

export interface TopicValues {
  status: StatusTopic;
  findings: FindingsTopic;
  path: PathTopic;
  capacity: Resource[];
  replication: {
    replicas: HealthAnswer['postgres']['replication'];
    slots: NonNullable<Collected['replication']>['slots'];
    walLsn: string | null;
    walBytesPerSecond: number | null;
    databaseBytes: number | null;
  };
  jobs: { counts: HealthAnswer['jobs']; active: HealthAnswer['activeJobs'] };
  events: readonly TimelineEvent[];
}
export type TopicName = keyof TopicValues;

type Topics = { [K in TopicName]: { everyMs: number; of(inputs: TopicInputs): TopicValues[K] } };

export const TOPICS: Topics = {
  status: { everyMs: 1_000, of: statusOf },
  findings: { everyMs: 1_000, of: ({ health }) => ({ findings: health.findings, unknown: health.unknown }) },
  path: { everyMs: 1_000, of: pathOf },
  capacity: {
    everyMs: 5_000,
    of: ({ health, collected }) => capacityOf(health.instances, collected).slice(0, MAX_RESOURCES),
  },
  replication: {
    everyMs: 2_000,
    of: ({ health: { postgres, activity }, collected }) => ({
      replicas: postgres.replication,
      slots: collected.replication?.slots ?? [],
      walLsn: postgres.walLsn,
      walBytesPerSecond: activity?.walBytesPerSecond ?? null,
      databaseBytes: postgres.databaseBytes,
    }),
  },
  jobs: { everyMs: 1_000, of: ({ health }) => ({ counts: health.jobs, active: health.activeJobs }) },
  events: { everyMs: 1_000, of: ({ events }) => events },
};
export const TOPIC_NAMES = Object.keys(TOPICS) as TopicName[];

function statusOf({ health }: TopicInputs): StatusTopic {
  const roots = health.findings.filter(({ root }) => root === null);
  return {
    at: health.at,
    status: health.status,
    problems: roots.length,
    since: roots.length === 0 ? null : Math.min(...roots.map(({ since }) => since)),
    key: roots[0]?.key ?? null,
    message: roots[0]?.message ?? null,
    failing: health.collectors.flatMap(({ name, error, collectedAt }) =>
      error === null ? [] : [{ name, error, collectedAt }],
    ),
  };
}

function pathOf(inputs: TopicInputs): PathTopic {
  const { health, latencies } = inputs;
  const { instances, lost, postgres, nats, activity } = health;
  const of = (service: string) => ({
    live: instances.filter((one) => one.service === service).length,
    lost: lost.filter((one) => one.service === service).length,
  });
  const sum = (series: string) => sumOf(health, series);
  const active = instances.find(({ relay }) => relay?.role === 'active');
  const workers = workersOfAll(instances);
  return {
    requestsPerSecond: sum('http.requests@gateway/'),
    errorsPerSecond: sum('http.errors@gateway/'),
    gateways: {
      ...of('gateway'),
      inFlight: sum('http.in_flight@gateway/'),
      p99Ms: requestP99(inputs) || null,
    },
    pools: Object.entries(poolsByName(instances, latencies, health.at)).map(
      ([name, { busy, max, waiting, waitP99Ms }]) => ({
        name,
        busy,
        max,
        waiting,
        waitP99Ms,
      }),
    ),
    primary: {
      status: postgres.status,
      active: postgres.connections?.active ?? null,
      total: postgres.connections?.total ?? null,
      max: postgres.connections?.max ?? null,
      waitingForLock: activity?.waitingForLock ?? null,
    },
    replicas: postgres.replication.map(({ name, state, lagMs }) => ({ name, state, lagMs })),
    relay: active?.relay
      ? {
          instance: active.instance,
          lagBytes: active.relay.lagBytes,
          changesPerSecond: sum('relay.changes@'),
          lastError: active.relay.lastError,
        }
      : null,
    nats: { status: nats.status, roundTripMs: nats.roundTripMs },
    realtime: {
      ...of('realtime'),
      sockets: sum('sockets.open@'),
      deliveriesPerSecond: sum('sockets.deliveries@'),
      deliveryP99Ms: most(instances.flatMap(({ sockets }) => sockets?.deliveryP99Ms || [])),
    },
    batch: {
      ...of('batch'),
      busy: workers?.busy ?? null,
      threads: workers?.threads ?? null,
      itemsPerSecond: sum('workers.items@'),
    },
    rssBytes: instances.length === 0 ? null : memoryOfAll(instances).rssBytes,
  };
}

function requestP99({ health: { at, instances }, latencies }: TopicInputs): number | null {
  const gateways = instances.filter(({ service }) => service === 'gateway');
  const measured = gateways.map(({ instance, http }) => [`gateway/${instance}`, http?.p99Ms] as const);
  return lastMinute(latencies, at, { names: ['gateway'], quantile: 0.99, instances: measured });
}

function sumOf({ samples }: HealthAnswer, series: string): number | null {
  const known = Object.entries(samples).flatMap(([name, value]) =>
    name.startsWith(series) && value !== null ? value : [],
  );
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

const most = (values: readonly number[]): number | null => (values.length === 0 ? null : Math.max(...values));
