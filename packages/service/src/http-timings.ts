/**
 * Times each request, for Prometheus and for telemetry, under the route's template (never the URL, which is unbounded).
 */
import type { HttpStats } from '@tidemark/contracts';
import type { FastifyInstance } from 'fastify';
import type { BaseApp } from './base-app.ts';
import type { Metrics } from './metrics.ts';
import { createQuantiles, type Quantiles } from './quantiles.ts';

interface RouteTiming {
  route: string;
  requestsTotal: number;
  errorsTotal: number;
  quantiles: Quantiles;
}

interface Timings {
  inFlight: number;
  all: RouteTiming;
  routes: Map<string, RouteTiming>;
}

/** Probes and dashboards are not what users wait for. */
const UNCOUNTED = new Set(['/livez', '/readyz', '/metrics']);
/** More templates than an app registers; what is over it is counted in the total alone. */
const MAX_ROUTES = 50;

const timingsOf = new WeakMap<object, Timings>();

export function createHttpTimings(app: BaseApp, metrics: Metrics): void {
  const timings: Timings = { inFlight: 0, all: newTiming('*'), routes: new Map() };
  timingsOf.set(app.server, timings);
  const seconds = metrics.histogram('tidemark_http_request_seconds', 'Time from request to answer', [
    'method',
    'route',
    'status',
  ]);
  metrics.gauge('tidemark_http_in_flight', 'Requests being answered', [], (gauge) => gauge.set(timings.inFlight));

  const counted = new WeakSet<object>();
  app.addHook('onRequest', (request, _reply, done) => {
    timings.inFlight += 1;
    counted.add(request);
    done();
  });
  const finished = (request: object) => {
    if (counted.delete(request)) timings.inFlight -= 1;
  };
  app.addHook('onRequestAbort', (request, done) => {
    finished(request);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    finished(request);
    const template = request.routeOptions.url ?? '(none)';
    if (!UNCOUNTED.has(template)) {
      const route = `${request.method} ${template}`;
      const failed = reply.statusCode >= 500;
      count(timings.all, reply.elapsedTime, failed);
      const timing = timings.routes.get(route) ?? add(timings.routes, route);
      if (timing) count(timing, reply.elapsedTime, failed);
      seconds.observe(
        { method: request.method, route: template, status: `${Math.floor(reply.statusCode / 100)}xx` },
        reply.elapsedTime / 1_000,
      );
    }
    done();
  });
}

/** For telemetry. */
export function httpStats(app: BaseApp | FastifyInstance): HttpStats {
  const timings = timingsOf.get(app.server);
  if (!timings) return { requestsTotal: 0, inFlight: 0, errorsTotal: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, routes: [] };
  const { route: _all, ...total } = stats(timings.all);
  return { ...total, inFlight: timings.inFlight, routes: [...timings.routes.values()].map(stats) };
}

const newTiming = (route: string): RouteTiming => ({
  route,
  requestsTotal: 0,
  errorsTotal: 0,
  quantiles: createQuantiles(),
});

function add(routes: Map<string, RouteTiming>, route: string): RouteTiming | undefined {
  if (routes.size >= MAX_ROUTES) return undefined;
  const timing = newTiming(route);
  routes.set(route, timing);
  return timing;
}

function count(timing: RouteTiming, ms: number, failed: boolean): void {
  timing.requestsTotal += 1;
  if (failed) timing.errorsTotal += 1;
  timing.quantiles.record(ms);
}

function stats(timing: RouteTiming) {
  const { route, requestsTotal, errorsTotal, quantiles } = timing;
  return {
    route,
    requestsTotal,
    errorsTotal,
    p50Ms: quantiles.p(0.5),
    p95Ms: quantiles.p(0.95),
    p99Ms: quantiles.p(0.99),
  };
}
