import { type BaseApp, commaSeparated } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { stepped } from '../history/steps.ts';

/** Each has three numbers, so all take about 1.5 MB of JSON. */
const MAX_POINTS = 50_000;

const Query = Type.Object({
  metric: Type.String({
    minLength: 1,
    maxLength: 4_000,
    description: 'names of series separated by commas; a * at the end of one matches the rest',
  }),
  from: Type.Optional(Type.Integer({ minimum: 0, description: 'ms since 1970; default: all that is kept' })),
  step: Type.Integer({ default: 10, minimum: 1, maximum: 3_600, description: 's' }),
});

export const timeseriesRoute = fp(
  async (app: BaseApp, { history }: RouteContext) => {
    app.get('/timeseries', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { metric, from = 0, step } = request.query;
      const now = Date.now();
      const answer = stepped(history.read(commaSeparated(metric), Math.max(0, now - from) / 1_000), step * 1_000);
      const count = answer.at.length * Object.keys(answer.series).length;
      if (count > MAX_POINTS) throw errors.POINTS_TOO_MANY({ count, limit: MAX_POINTS });
      return { step, ...answer };
    });
  },
  { name: 'performance-timeseries', dependencies: ['operators-only'] },
);
