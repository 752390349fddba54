import type { BaseApp } from '@tidemark/service';
import type { AppDependencies } from '../context.ts';
import { errors } from '../errors.ts';
import { expiryOf } from '../plugins/operators-only.ts';
import { frameOf } from '../stream/broadcaster.ts';

/** `GET /api/v1/performance/stream`: Server-Sent Events, `health` each second. `expired` is the last one of a token that has run out. */
export function streamRoute(app: BaseApp, { broadcaster, monitor, config }: AppDependencies): void {
  app.get('/stream', { config: { endless: true } }, (request, reply) => {
    if (broadcaster.full()) throw errors.STREAM_FULL({ limit: config.METRICS_STREAM_CLIENTS_MAX });
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would otherwise collect the events before passing them on.
      'x-accel-buffering': 'no',
    });
    raw.write(frameOf('health', JSON.stringify(monitor.health())));
    broadcaster.add(raw, expiryOf(request), Date.now());
  });
}
