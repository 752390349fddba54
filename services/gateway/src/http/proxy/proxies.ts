/** One address for a newcomer: /live goes to realtime, /console and /api/v1/performance to metrics. In production nginx does it. */
import type { BaseApp, LimitedRate, Limiter } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { errors } from './errors.ts';
import { withoutForwarding } from './forwarded-headers.ts';
import { proxyWebSockets, type WebSocketProxyOptions } from './websocket-proxy.ts';

export interface ProxyDependencies
  extends Pick<WebSocketProxyOptions, 'descriptors' | 'metrics' | 'refuses' | 'watch' | 'work'> {
  readonly config: Config;
  readonly limiter: Limiter;
}

/** Seconds whose worth of requests may come at once: all viewers after a restart. */
const BURST_S = 30;
/** Connections to metrics. Its answers take milliseconds; a stream holds one of its own. */
const METRICS_CONNECTIONS = 64;
/** An upstream of ours answers at once or is in trouble. */
const UPSTREAM_TIMEOUT_MS = 30_000;

export async function registerProxies(app: BaseApp, { config, limiter, ...guards }: ProxyDependencies): Promise<void> {
  const { realtimeUrls, METRICS_URL } = config;
  if (realtimeUrls.length === 0 && !METRICS_URL) return;
  // It brings an HTTP client of its own, which nobody else needs.
  const { default: httpProxy } = await import('@fastify/http-proxy');
  const rate = limiter.rate({
    policy: 'opens',
    what: 'requests for /live, /console and /api/v1/performance',
    perSecond: config.OPENS_PER_S,
    burstSeconds: BURST_S,
  });
  limitRate(app, rate, limiter);

  /** Reads alone: nothing behind these takes a body. */
  const proxy = (prefix: string, upstream: () => string, { endless = false, connections = METRICS_CONNECTIONS } = {}) =>
    app.register(httpProxy, {
      upstream: '',
      prefix,
      rewritePrefix: prefix,
      httpMethods: ['GET', 'HEAD'],
      proxyPayloads: false,
      disableRequestLogging: true,
      // The connection behind it takes a second descriptor.
      config: { endless, descriptors: true },
      // A stream is silent between its events.
      undici: { connections, headersTimeout: UPSTREAM_TIMEOUT_MS, bodyTimeout: endless ? 0 : UPSTREAM_TIMEOUT_MS },
      replyOptions: {
        getUpstream: upstream,
        // A 503 is the client's to repeat: the plugin would ask ten times for it.
        retryDelay: () => null,
        rewriteRequestHeaders: (request: FastifyRequest, headers: Record<string, string>) => {
          // A GET's body is not read, so it is not announced either.
          const { 'content-length': _length, ...passed } = withoutForwarding(headers);
          return { ...passed, 'x-forwarded-for': limiter.addressOf(request.raw) };
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
    proxyWebSockets(app, { ...guards, path: '/live', upstreams: realtimeUrls, rate, limiter });
  }
  if (METRICS_URL) {
    const upstream = () => METRICS_URL;
    await proxy('/api/v1/performance/stream', upstream, { endless: true, connections: config.CONNECTIONS_MAX });
    for (const prefix of ['/console', '/api/v1/performance']) await proxy(prefix, upstream);
  }
}

function limitRate(app: BaseApp, rate: LimitedRate, limiter: Limiter): void {
  app.addHook('onRequest', (request, _reply, done) => {
    done(rate.refuses(limiter.networkOf(request.raw)));
  });
}
