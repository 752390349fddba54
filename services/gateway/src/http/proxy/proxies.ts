/** One address for a first look: /live goes to realtime, /console, /api/v1/performance and /api/metrics to metrics. In production nginx does this. */
import type { BaseApp, Descriptors, Limiter, Metrics } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../../config.ts';
import type { Protection } from '../limits/protection.ts';
import { errors } from './errors.ts';
import { withoutForwarding } from './forwarded-headers.ts';
import { writeError } from './proxied-writes.ts';
import { proxyWebSockets } from './websocket-proxy.ts';

export interface ProxyDependencies {
  readonly config: Config;
  readonly limiter: Limiter;
  readonly metrics: Metrics;
  readonly descriptors: Descriptors;
  readonly protection: Protection;
}

/** Seconds whose worth of requests may come at once: all viewers come back after a restart. */
const BURST_S = 30;
/** Connections to metrics. Its answers take milliseconds; a stream holds a connection of its own. */
const METRICS_CONNECTIONS = 64;
/** A profile takes 30 s, and a heap snapshot up to a minute. */
const UPSTREAM_TIMEOUT_MS = 75_000;
const READS = ['GET', 'HEAD'];
/** A code for the console and the token for it; both without a body. */
const CONSOLE_CODES = ['/console/code', '/console/token'];
/** Metrics checks the role, and whether the route exists. */
const WITH_WRITES = [...READS, 'POST', 'DELETE'];

export const proxies = fp(
  async (app: BaseApp, { config, limiter, metrics, descriptors, protection }: ProxyDependencies) => {
    const { realtimeUrls, METRICS_URL } = config;
    if (realtimeUrls.length === 0 && !METRICS_URL) return;
    // Loaded only here: it brings an HTTP client of its own.
    const { default: httpProxy } = await import('@fastify/http-proxy');
    const rate = limiter.rate({
      policy: 'opens',
      what: 'requests for /live, /console and /api/v1/performance',
      perSecond: config.OPENS_PER_S,
      burstSeconds: BURST_S,
    });
    app.addHook('onRequest', (request, _reply, done) => {
      done(rate.refuses(limiter.networkOf(request.raw)));
    });

    const proxy = (
      prefix: string,
      upstream: () => string,
      { endless = false, connections = METRICS_CONNECTIONS, methods = READS } = {},
    ) =>
      app.register(httpProxy, {
        upstream: '',
        prefix,
        rewritePrefix: prefix,
        httpMethods: methods,
        // A body is passed on as it arrives, so a caller without rights is refused before it is read.
        proxyPayloads: methods !== READS,
        preHandler: (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) =>
          done(writeError(request)),
        disableRequestLogging: true,
        // The connection to the upstream takes a second descriptor.
        config: { endless, descriptors: true },
        // A stream is silent between its events.
        undici: { connections, headersTimeout: UPSTREAM_TIMEOUT_MS, bodyTimeout: endless ? 0 : UPSTREAM_TIMEOUT_MS },
        replyOptions: {
          getUpstream: upstream,
          // The client repeats a request that got 503; the plugin would repeat it ten times.
          retryDelay: () => null,
          rewriteRequestHeaders: (request: FastifyRequest, headers: Record<string, string>) => {
            // Nothing behind the gateway takes a cookie for an identity. The client of the proxy refuses `expect`.
            const {
              'content-length': length,
              cookie: _cookie,
              expect: _expect,
              ...passed
            } = withoutForwarding(headers);
            // The body of a GET is not read, so it is not announced either.
            const announced = length !== undefined && !READS.includes(request.method) && { 'content-length': length };
            return { ...passed, ...announced, 'x-forwarded-for': limiter.addressOf(request.raw) };
          },
          onError: (reply: FastifyReply) => reply.send(errors.UPSTREAM_AWAY({ path: prefix })),
        },
      } as never);

    if (realtimeUrls.length > 0) {
      let next = 0;
      const upstream = () => {
        next = (next + 1) % realtimeUrls.length;
        return realtimeUrls[next] as string;
      };
      await proxy('/live', upstream, { endless: true, connections: config.CONNECTIONS_MAX });
      proxyWebSockets(app, {
        path: '/live',
        upstreams: realtimeUrls,
        rate,
        limiter,
        metrics,
        descriptors,
        refuses: protection.refusesUpgrade,
        watch: protection.watch,
        work: protection.work.sockets,
      });
    }
    if (METRICS_URL) {
      const upstream = () => METRICS_URL;
      await proxy('/api/v1/performance/stream', upstream, { endless: true, connections: config.CONNECTIONS_MAX });
      await proxy('/console', upstream);
      for (const path of CONSOLE_CODES) await proxy(path, upstream, { methods: ['POST'] });
      await proxy('/api/metrics', upstream);
      await proxy('/api/v1/performance', upstream, { methods: WITH_WRITES });
    }
  },
  { name: 'proxies', encapsulate: true },
);
