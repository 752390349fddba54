/** The caches of the gateways. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

export const cacheRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/cache', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const each = instances.flatMap(({ service, instance, cache, reads }) => {
        if (service !== 'gateway') return [];
        const why = cache ? null : 'it has no cache (CACHE_BYTES=0), or is of an earlier version';
        return [{ instance, why, cache: cache ?? null, reads: reads ?? null }];
      });
      const caches = each.flatMap(({ cache }) => cache ?? []);
      const sum = (of: (cache: (typeof caches)[number]) => number) =>
        caches.length === 0 ? null : caches.reduce((total, cache) => total + of(cache), 0);
      const hits = sum(({ hitsTotal }) => hitsTotal);
      const asked = sum(({ hitsTotal, missesTotal }) => hitsTotal + missesTotal);
      return {
        at,
        bytes: sum(({ bytes }) => bytes),
        limitBytes: sum(({ limitBytes }) => limitBytes),
        entries: sum(({ entries }) => entries),
        hitsTotal: hits,
        /** Since the start of the gateways; null before the first read. */
        hitRate: hits === null || !asked ? null : hits / asked,
        instances: each,
      };
    });
  },
  { name: 'performance-cache', dependencies: ['operators-only'] },
);
