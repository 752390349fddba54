/** Valid telemetry for unit tests. */
import type { Telemetry } from '@tidemark/contracts';

export function telemetry(changes: Partial<Telemetry> = {}): Telemetry {
  return {
    service: 'gateway',
    instance: 'gateway-1',
    pid: 7,
    url: 'http://127.0.0.1:8080',
    startedAt: 1_000,
    at: 2_000,
    ready: true,
    problems: [],
    process: {
      rssBytes: 1e8,
      heapUsedBytes: 5e7,
      heapTotalBytes: 6e7,
      externalBytes: 1e6,
      cpuPercent: 12,
      eventLoopDelayP99Ms: 11,
      uptimeSeconds: 60,
    },
    ...changes,
  };
}

export const http = (requestsTotal: number, errorsTotal = 0): NonNullable<Telemetry['http']> => ({
  requestsTotal,
  errorsTotal,
  inFlight: 1,
  p50Ms: 1,
  p95Ms: 2,
  p99Ms: 3,
  routes: [{ route: 'GET /slow', requestsTotal, errorsTotal, p50Ms: 1, p95Ms: 2, p99Ms: 3 }],
});

export const pool = (changes: Partial<NonNullable<Telemetry['pools']>[number]> = {}) => ({
  name: 'write',
  min: 1,
  max: 20,
  slots: { connecting: 0, idle: 18, busy: 2, closing: 0 },
  utilisation: 0.1,
  waiting: 0,
  waitingLimit: 200,
  acquiredTotal: 10,
  refusedTotal: 0,
  timeoutsTotal: 0,
  connectErrorsTotal: 0,
  discardedTotal: 0,
  leaksTotal: 0,
  waitP50Ms: 0,
  waitP99Ms: 1,
  ...changes,
});
