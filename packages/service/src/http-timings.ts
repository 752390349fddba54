/** Requests count under the route's template, since URLs are unbounded; the duration of a stream is no latency. */
import type { HttpStats } from '@tidemark/contracts';
import { mergedQuantiles, WindowedSketch } from '@tidemark/db';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BaseApp } from './base-app-type.ts';
import { type Connections, trackConnections } from './connections.ts';
import { ComputedHistogram, Histogram } from './histogram.ts';
import type { Metrics } from './metrics.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The response is a stream that lasts until the client leaves; implied by the type text/event-stream. */
    endless?: boolean;
    /** Answering takes a further descriptor (connection-budget.ts). */
    descriptors?: boolean;
  }
}

/** `ms` is the time from the request's head to the end of the response. */
export type RecordAnswer = (status: number, ms: number, requestId?: string) => void;

interface RouteTiming {
  readonly method: string;
  readonly url: string;
  requestsTotal: number;
  errorsTotal: number;
  streamsTotal: number;
  readonly latencies: WindowedSketch;
  /** Counts by the first digit of the status. */
  readonly classes: (Histogram | undefined)[];
}

interface Timings {
  /** Histograms by the first digit of the status, which the routes and statuses share that have none of their own. */
  readonly others: (Histogram | undefined)[];
  histograms: number;
  readonly connections: Connections;
  readonly routes: Map<string, RouteTiming>;
}

/** Probes and dashboards are no requests of users. */
const UNCOUNTED = new Set(['/livez', '/readyz', '/metrics']);
/** Further templates share one name. */
const MAX_ROUTES = 50;
/** Each has 18 series on the page, which has at most 2,000. */
const MAX_HISTOGRAMS = 32;
const OTHER = '(other)';
const SHARED = '(rest)';
const UNKNOWN = '(none)';
const EVENT_STREAM = 'text/event-stream';

const timingsOf = new WeakMap<object, Timings>();

type OnResponse = (request: FastifyRequest, reply: FastifyReply, done: () => void) => void;

export function createHttpTimings(app: BaseApp, metrics: Metrics): Connections {
  const connections = trackConnections(app);
  const timings: Timings = { connections, routes: new Map(), others: [], histograms: 0 };
  timingsOf.set(app.server, timings);
  metrics.gauge('tidemark_http_in_flight', 'Requests being answered, without event streams', [], (gauge) =>
    gauge.set(connections.inFlight()),
  );
  metrics.gauge('tidemark_http_streams_open', 'Event streams being sent', [], (gauge) =>
    gauge.set(connections.streams()),
  );
  metrics.gauge('tidemark_http_upgraded_open', 'Open WebSocket connections', [], (gauge) =>
    gauge.set(connections.upgradedOpen()),
  );
  metrics.gauge('tidemark_http_connections', 'Open connections', [], (gauge) => gauge.set(connections.open()));
  showSeconds(metrics, timings);
  showStreams(metrics, timings.routes);

  app.addHook('onRequest', (request, _reply, done) => {
    connections.began(request.raw);
    done();
  });
  // Looking up the counts by template costs more than counting.
  const ours = new WeakSet<object>();
  app.addHook('onRoute', (route) => {
    const endless = route.config?.endless === true;
    const recordOf = new Map<string, RecordAnswer>();
    const methods = Array.isArray(route.method) ? route.method : [route.method];
    for (const method of methods) recordOf.set(method, recorderOf(timings, method, route.url));
    const only = methods.length === 1 ? recordOf.get(methods[0] as string) : undefined;
    const hook: OnResponse = (request, reply, done) => {
      connections.ended(request.raw);
      if (endless) return done();
      if (isEventStream(reply)) countStream(timings, request.method, route.url);
      else (only ?? recordOf.get(request.method))?.(reply.statusCode, reply.elapsedTime, request.id);
      done();
    };
    ours.add(hook);
    if (endless) {
      // A stream mostly ends because the client leaves, without `onResponse`.
      const begin: OnResponse = (request, reply, done) => {
        connections.streaming(request.raw);
        reply.raw.once('close', () => countStream(timings, request.method, route.url));
        done();
      };
      route.onRequest = [begin, ...[route.onRequest ?? []].flat()] as NonNullable<typeof route.onRequest>;
    }
    // A HEAD route copies its GET route, including hooks.
    const others = [route.onResponse ?? []].flat().filter((other) => !ours.has(other));
    route.onResponse = [hook, ...others] as NonNullable<typeof route.onResponse>;
  });
  return connections;
}

export function recordUnrouted(app: BaseApp, request: FastifyRequest, reply: FastifyReply): void {
  const timings = timingsOf.get(app.server);
  if (!timings) return;
  const record = recorderOf(timings, request.method, UNKNOWN);
  reply.raw.once('finish', () => {
    timings.connections.ended(request.raw);
    record(reply.statusCode, reply.elapsedTime, request.id);
  });
}

export function answerRecorder(app: BaseApp, method: string, url: string): RecordAnswer {
  const timings = timingsOf.get(app.server);
  return timings ? recorderOf(timings, method, url) : () => {};
}

export function inFlightOf(app: BaseApp): () => number {
  return timingsOf.get(app.server)?.connections.inFlight ?? (() => 0);
}

export function httpStats(app: BaseApp | FastifyInstance): HttpStats {
  const timings = timingsOf.get(app.server);
  if (!timings) return { requestsTotal: 0, inFlight: 0, errorsTotal: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, routes: [] };
  const routes = [...timings.routes.values()].filter(({ requestsTotal }) => requestsTotal > 0);
  const sum = (of: (timing: RouteTiming) => number) => routes.reduce((total, timing) => total + of(timing), 0);
  return {
    requestsTotal: sum(({ requestsTotal }) => requestsTotal),
    errorsTotal: sum(({ errorsTotal }) => errorsTotal),
    ...percentiles(routes),
    inFlight: timings.connections.inFlight(),
    routes: routes.slice(0, MAX_ROUTES).map(({ method, url, requestsTotal, errorsTotal, latencies }) => ({
      route: `${method} ${url}`,
      requestsTotal,
      errorsTotal,
      ...percentiles([{ latencies }]),
      ...windowOf(latencies),
    })),
  };
}

function percentiles(timings: readonly Pick<RouteTiming, 'latencies'>[]) {
  const sketches = timings.map(({ latencies }) => latencies);
  const [p50Ms = 0, p95Ms = 0, p99Ms = 0] = mergedQuantiles(sketches, [0.5, 0.95, 0.99]);
  return { p50Ms, p95Ms, p99Ms };
}

function windowOf(latencies: WindowedSketch) {
  const window = latencies.window();
  return window && { window };
}

function isEventStream(reply: FastifyReply): boolean {
  const type = reply.getHeader('content-type');
  return typeof type === 'string' && type.startsWith(EVENT_STREAM);
}

/** An app has more routes than are ever used. */
function timingOf({ routes }: Pick<Timings, 'routes'>, method: string, url: string): RouteTiming {
  const key = `${method} ${url}`;
  const known = routes.get(key);
  if (known) return known;
  if (routes.size >= MAX_ROUTES - 1 && url !== OTHER) return timingOf({ routes }, '*', OTHER);
  const timing: RouteTiming = {
    method,
    url,
    requestsTotal: 0,
    errorsTotal: 0,
    streamsTotal: 0,
    latencies: new WindowedSketch(),
    classes: [],
  };
  routes.set(key, timing);
  return timing;
}

function recorderOf(timings: Timings, method: string, url: string): RecordAnswer {
  if (UNCOUNTED.has(url)) return () => {};
  let timing: RouteTiming | undefined;
  return (status, ms, requestId) => {
    timing ??= timingOf(timings, method, url);
    timing.requestsTotal += 1;
    if (status >= 500) timing.errorsTotal += 1;
    timing.latencies.record(ms);
    const digit = status < 600 ? (status / 100) | 0 : 5;
    let seconds = timing.classes[digit];
    if (seconds === undefined) {
      seconds = histogramOf(timings, digit);
      timing.classes[digit] = seconds;
    }
    seconds.observe(ms / 1_000, requestId);
  };
}

function histogramOf(timings: Timings, digit: number): Histogram {
  if (timings.histograms < MAX_HISTOGRAMS) {
    timings.histograms += 1;
    return new Histogram();
  }
  timings.others[digit] ??= new Histogram();
  return timings.others[digit];
}

function countStream(timings: Timings, method: string, url: string): void {
  const timing = timingOf(timings, method, url);
  timing.requestsTotal += 1;
  timing.streamsTotal += 1;
}

function showStreams(metrics: Metrics, routes: ReadonlyMap<string, RouteTiming>): void {
  metrics.gauge('tidemark_http_streams_total', 'Streams that have ended', ['route'], (gauge) => {
    for (const { url, streamsTotal } of routes.values()) if (streamsTotal > 0) gauge.set({ route: url }, streamsTotal);
  });
}

function showSeconds(metrics: Metrics, { routes, others }: Timings): void {
  const name = 'tidemark_http_request_seconds';
  new ComputedHistogram(metrics.registry, name, 'Time from request to response', () => {
    const shown = [...routes.values()].flatMap(({ method, url, classes }) =>
      classes.flatMap((seconds, digit) =>
        seconds && seconds !== others[digit] ? seconds.lines(name, { method, route: url, status: `${digit}xx` }) : [],
      ),
    );
    const shared = others.flatMap(
      (seconds, digit) => seconds?.lines(name, { method: '*', route: SHARED, status: `${digit}xx` }) ?? [],
    );
    return [...shown, ...shared];
  });
}
