import { type BaseApp, commaSeparated } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { formatEvent } from '../stream/broadcaster.ts';
import { TOPIC_NAMES, type TopicName } from '../stream/topics.ts';

const Query = Type.Object({
  topics: Type.Optional(
    Type.String({ maxLength: 200, description: `some of ${TOPIC_NAMES.join(', ')}, separated by commas` }),
  ),
});

/** The stream has `health` each second, or the topics that are asked for when they change; and `expired` once the token has expired. */
export const streamRoute = fp(
  async (app: BaseApp, { broadcaster, publishTopics, monitor, config }: RouteContext) => {
    app.get('/stream', { config: { endless: true }, schema: { querystring: Query } }, (request, reply) => {
      if (broadcaster.full()) throw errors.STREAM_FULL({ limit: config.METRICS_STREAM_CLIENTS_MAX });
      const topics = request.query.topics === undefined ? undefined : commaSeparated(request.query.topics);
      const unknown = topics?.find((name) => !TOPIC_NAMES.includes(name as TopicName));
      if (unknown !== undefined) throw errors.STREAM_TOPIC({ topic: unknown, known: TOPIC_NAMES.join(', ') });
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Without this header nginx buffers the events.
        'x-accel-buffering': 'no',
      });
      if (topics === undefined) raw.write(formatEvent('health', JSON.stringify(monitor.health())));
      const expires = request.operator?.verified.expires;
      broadcaster.add(raw, expires === undefined ? undefined : expires * 1_000, topics);
      if (topics !== undefined) publishTopics(monitor.health());
    });
  },
  { name: 'performance-stream', dependencies: ['operators-only'] },
);
