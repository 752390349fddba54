import type { Telemetry } from '@tidemark/contracts';
import t from 'tap';
import { findingsOf } from '../../src/health/compose.ts';
import type { SystemState } from '../../src/health/system-state.ts';
import { DEFAULT_THRESHOLDS } from '../../src/health/thresholds.ts';
import { ratesBetween } from '../../src/instances/rates.ts';
import { http, pool, telemetry } from '../telemetry-example.ts';

const NOW = 100_000;
const LIMITS = {
  expected: ['gateway'],
  lostAfterMs: 5_000,
  replicaLagMs: 5_000,
  slotBytes: 1e9,
  transactionMs: 60_000,
};

function instance(after: Telemetry, before?: Telemetry) {
  const key = `${after.service}/${after.instance}`;
  return { key, telemetry: after, rates: before && ratesBetween(before, after), receivedAt: NOW - 500 };
}

function system(changes: Partial<SystemState>): SystemState {
  const live = [instance(telemetry())];
  return {
    now: NOW,
    live,
    lost: [],
    collected: {},
    collectors: [],
    limits: LIMITS,
    thresholds: DEFAULT_THRESHOLDS,
    ...changes,
  };
}

const collector = (name: string, error: string | null) => ({
  name,
  intervalMs: 1_000,
  collectedAt: null,
  tookMs: null,
  error,
  hint: 'start it',
  failingSince: null,
  runsTotal: 1,
  failuresTotal: 1,
});

const replication = (lagMs: number, walStatus = 'reserved', retainedBytes = 0) => ({
  replicas: [{ name: 'r1', state: 'streaming', replayLsn: '0/0', lagBytes: 10, lagMs }],
  slots: [{ name: 's1', kind: 'physical', active: true, retainedBytes, walStatus, safeBytes: null }],
  paused: [],
  cutOff: [],
});
const slot = (changes: object) => ({
  ...replication(0),
  slots: [
    {
      name: 's1',
      kind: 'logical',
      active: true,
      retainedBytes: 1e6,
      walStatus: 'reserved',
      safeBytes: 1e9,
      ...changes,
    },
  ],
});
const activity = (changes: object) => ({
  activity: {
    version: '18.1',
    walLsn: '0/0',
    connections: { total: 20, active: 1, idleInTransaction: 0, waitingForLock: 0, max: 100 },
    commitsPerSecond: 1,
    walBytesPerSecond: 1e6,
    oldestTransaction: null,
    locks: [],
    applications: [{ application: 'tidemark/gateway-1', connections: 15, idle: 15 }],
    running: [],
    ...changes,
  },
});
const running = (changes: object) => ({
  running: [
    {
      pid: 7,
      application: 'psql',
      user: 'ann',
      client: '10.0.0.9',
      backendStart: '2026-01-01 00:00:00+00',
      seconds: 12,
      waits: false,
      statement: 'select count(*) from a, b',
      ...changes,
    },
  ],
});

const relay = (changes: Partial<NonNullable<Telemetry['relay']>>) =>
  telemetry({
    service: 'realtime',
    instance: 'realtime-1',
    relay: {
      role: 'active',
      epoch: null,
      confirmedLsn: null,
      lagBytes: 0,
      transactionsTotal: 0,
      changesTotal: 0,
      publishedTotal: 0,
      inFlight: 0,
      lastError: null,
      ...changes,
    },
  });

const TABLE: [what: string, state: Partial<SystemState>, severity: string | undefined, names: string][] = [
  ['nothing wrong', {}, undefined, ''],
  ['no gateway', { live: [] }, 'down', 'no gateway reports itself'],
  ['a lost one', { lost: [instance(telemetry({ instance: 'gateway-2' }))] }, 'degraded', 'gateway-2 (http'],
  [
    'a name that does not say what it is',
    { live: [instance(telemetry({ instance: 'blue', ready: false, problems: ['postgres: gone'] }))] },
    'degraded',
    'gateway blue is not ready: postgres: gone',
  ],
  [
    'Postgres down',
    { collectors: [collector('postgres activity', 'refused')] },
    'down',
    'Postgres does not answer: refused',
  ],
  ['NATS down', { collectors: [collector('nats', 'gone')] }, 'down', 'NATS does not answer: gone'],
  [
    'another collector',
    { collectors: [collector('jobs', 'no table')] },
    'degraded',
    'the collector "jobs" fails: no table',
  ],
  [
    'one that stops as it was told to',
    { live: [instance(telemetry({ ready: false, stopping: true }))] },
    undefined,
    '',
  ],
  ['replica lag', { collected: { replication: replication(9_000) } }, 'degraded', 'the replica r1 is 9.0 s'],
  ['replica within its limit', { collected: { replication: replication(900) } }, undefined, ''],
  [
    'a lost slot',
    { collected: { replication: replication(0, 'lost') } },
    'degraded',
    'slot s1 (physical, active) has lost',
  ],
  [
    'a slot that keeps WAL',
    { collected: { replication: replication(0, 'reserved', 3e9) } },
    'degraded',
    'retains 2.8 GiB',
  ],
  [
    'a pool that is full',
    {
      live: [
        instance(
          telemetry({
            pools: [pool({ utilisation: 1, waiting: 7, slots: { connecting: 0, idle: 0, busy: 20, closing: 0 } })],
          }),
        ),
      ],
    },
    'degraded',
    'pool write of gateway-1 is exhausted: 20 of 20 busy, 7 waiting',
  ],
  [
    'a pool that is full, with the route that holds its connections',
    {
      live: [
        instance(
          telemetry({
            pools: [
              pool({ utilisation: 1, waiting: 7, longest: { pid: 17, heldMs: 41_000, route: 'GET /rest/v1/:table' } }),
            ],
          }),
        ),
      ],
    },
    'degraded',
    'held for longest, 41 s: GET /rest/v1/:table (pid 17)',
  ],
  [
    'a pool that refuses',
    {
      live: [
        instance(
          telemetry({ at: 3_000, pools: [pool({ refusedTotal: 4 })] }),
          telemetry({ pools: [pool({ refusedTotal: 1 })] }),
        ),
      ],
    },
    'degraded',
    'pool write of gateway-1 refuses 3.0 requests a second',
  ],
  [
    'errors, with the route',
    { live: [instance(telemetry({ at: 3_000, http: http(200, 20) }), telemetry({ http: http(100, 0) }))] },
    'degraded',
    'gateway-1 answers 20 % of its requests with 5xx (20.0 of 100.0 a second); the route with the most errors since its start is GET /slow',
  ],
  [
    'a few errors',
    { live: [instance(telemetry({ at: 3_000, http: http(200, 2) }), telemetry({ http: http(100, 0) }))] },
    undefined,
    '',
  ],
  [
    'finds a slot that nobody reads',
    { collected: { replication: slot({ active: false }), ...activity({}) } },
    'degraded',
    'nobody reads the replication slot s1 (logical, not in use); it retains 977 KiB of WAL; at the present rate it is full in 1000 s',
  ],
  [
    'a slot near its budget',
    { collected: { replication: slot({ retainedBytes: 9e8, safeBytes: 1e8 }), ...activity({}) } },
    'degraded',
    'full in 100 s',
  ],
  [
    'a replica without its connection',
    { collected: { replication: slot({ kind: 'physical', active: false }) } },
    'degraded',
    'the replica of the slot s1 is disconnected',
  ],
  [
    'a paused replica',
    { collected: { replication: { ...replication(0), paused: ['r1'] } } },
    'degraded',
    'the replay of the replica r1 is paused',
  ],
  [
    'one application with most connections',
    { collected: activity({ applications: [{ application: 'report', connections: 60, idle: 58 }] }) },
    'degraded',
    'report has 60 of the 20 connections',
  ],
  [
    'a long statement of an application',
    { collected: activity(running({})) },
    'degraded',
    'psql (pid 7, user ann, 10.0.0.9) has run one statement for 12 s: select count(*) from a, b',
  ],
  ['a long statement that waits for a lock', { collected: activity(running({ waits: true })) }, undefined, ''],
  ['a long statement of ours', { collected: activity(running({ application: 'tidemark/g/read' })) }, undefined, ''],
  [
    'long waits for a connection',
    { live: [instance(telemetry({ pools: [pool({ waitP99Ms: 300, waiting: 3 })] }))] },
    'degraded',
    'requests wait long for a connection of pool write of gateway-1',
  ],
  [
    'no active relay',
    { live: [instance(telemetry()), instance(relay({ role: 'standby' }))] },
    'degraded',
    'realtime-1 is standby',
  ],
  [
    'a relay far behind',
    { live: [instance(telemetry()), instance(relay({ lagBytes: 2 ** 30 }))] },
    'degraded',
    '1.0 GiB of WAL',
  ],
];

for (const [what, state, severity, names] of TABLE) {
  t.test(`${what}: ${severity ?? 'ok'}`, async (t) => {
    const findings = findingsOf(system(state));
    t.equal(findings.length, severity ? 1 : 0, JSON.stringify(findings));
    if (!severity) return;
    t.equal(findings[0]?.severity, severity);
    t.ok(findings[0]?.message.includes(names), `"${findings[0]?.message}" names "${names}"`);
    t.ok(findings[0]?.hint.length, 'has a remedy');
  });
}

t.test('reports Postgres down once, not for each of its collectors', async (t) => {
  const collectors = ['postgres activity', 'postgres size', 'jobs'].map((name) => collector(name, 'refused'));
  t.equal(findingsOf(system({ collectors })).length, 1);
});
