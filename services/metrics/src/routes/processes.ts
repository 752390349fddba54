import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

/** Every instance in short, those that fell silent, and where the figures of the rest come from. */
export const processesRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/processes', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances, lost, collectors, nats } = monitor.health();
      const processes = instances.map((one) => ({
        service: one.service,
        instance: one.instance,
        pid: one.pid,
        url: one.url,
        version: one.version ?? null,
        ready: one.ready,
        problems: one.problems,
        startedAt: one.startedAt,
        process: one.process,
        http: one.http ? { inFlight: one.http.inFlight, p99Ms: one.http.p99Ms } : null,
        sockets: one.sockets ? { open: one.sockets.open, subscriptions: one.sockets.subscriptions } : null,
        workers: one.workers ? { busy: one.workers.busy, threads: one.workers.threads } : null,
        relay: one.relay ? { role: one.relay.role, lagBytes: one.relay.lagBytes } : null,
      }));
      return { at, processes, lost, collectors, streams: nats.streams };
    });
  },
  { name: 'performance-processes', dependencies: ['operators-only'] },
);
