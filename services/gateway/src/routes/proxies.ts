/** One address for a newcomer: /live goes to realtime, /console and /api/v1/performance to metrics. */
import type { BaseApp } from '@tidemark/service';
import type { RouteContext } from './context.ts';

export async function registerProxies(app: BaseApp, context: RouteContext): Promise<void> {
  const { realtimeUrls, METRICS_URL } = context.config;
  if (realtimeUrls.length === 0 && !METRICS_URL) return;
  // It brings an HTTP client of its own, which nobody else needs.
  const { default: httpProxy } = await import('@fastify/http-proxy');
  if (realtimeUrls.length > 0) {
    let next = 0;
    await app.register(httpProxy, {
      upstream: '',
      prefix: '/live',
      rewritePrefix: '/live',
      websocket: true,
      config: { descriptors: true },
      replyOptions: { getUpstream: () => nextUpstream() },
      // biome-ignore lint/suspicious/noExplicitAny: the plugin's types leave this option's shape open.
      wsClientOptions: {} as any,
    });
    function nextUpstream(): string {
      next = (next + 1) % realtimeUrls.length;
      return realtimeUrls[next] as string;
    }
  }
  if (METRICS_URL) {
    for (const prefix of ['/console', '/api/v1/performance']) {
      await app.register(httpProxy, {
        upstream: METRICS_URL,
        prefix,
        rewritePrefix: prefix,
        config: { descriptors: true },
      });
    }
  }
}
