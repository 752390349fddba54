import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { formatEvent } from '../stream/broadcaster.ts';

/** The stream has `health` each second, and `expired` once the token has expired. */
export const streamRoute = fp(
  async (app: BaseApp, { broadcaster, monitor, config }: RouteContext) => {
    app.get('/stream', { config: { endless: true } }, (request, reply) => {
      if (broadcaster.full()) throw errors.STREAM_FULL({ limit: config.METRICS_STREAM_CLIENTS_MAX });
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Without this header nginx buffers the events.
        'x-accel-buffering': 'no',
      });
      raw.write(formatEvent('health', JSON.stringify(monitor.health())));
      const expires = request.operator?.verified.expires;
      broadcaster.add(raw, expires === undefined ? undefined : expires * 1_000);
    });
  },
  { name: 'performance-stream', dependencies: ['operators-only'] },
);
