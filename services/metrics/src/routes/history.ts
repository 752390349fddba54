import { type BaseApp, commaSeparated } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { latencyNames } from '../history/latency-series.ts';
import { SERIES } from '../history/samples.ts';

/** 300 series of 900 values are about 2 MB of JSON. */
const MAX_SERIES = 300;

const Query = Type.Object({
  series: Type.Optional(
    Type.String({ maxLength: 4_000, description: 'names separated by commas; a * at the end of one matches the rest' }),
  ),
  seconds: Type.Integer({ default: 300, minimum: 1, maximum: 86_400, description: 's before now' }),
});

/** Without `series`, the answer has the known names and their units. */
export const historyRoute = fp(
  async (app: BaseApp, { history, latencies }: RouteContext) => {
    app.get('/history', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { series, seconds } = request.query;
      if (series === undefined) return { figures: SERIES, names: history.names(), latencies: latencyNames(latencies) };
      const answer = history.read(commaSeparated(series), seconds);
      const count = Object.keys(answer.series).length;
      if (count > MAX_SERIES) throw errors.SERIES_TOO_MANY({ count, limit: MAX_SERIES });
      return answer;
    });
  },
  { name: 'performance-history', dependencies: ['operators-only'] },
);
