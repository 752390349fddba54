import { LATENCY_WINDOW_MS } from '@tidemark/contracts';
import { type BaseApp, commaSeparated } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { isLatency, joinedSeries, latencyNames, steppedLatencies } from '../history/latency-series.ts';
import { readTimeseries } from '../history/read-timeseries.ts';
import { SERIES } from '../history/samples.ts';

/** Each has three numbers, so all take about 1.5 MB of JSON. */
const MAX_POINTS = 50_000;
const HOUR_MS = 3_600_000;

/** As long as figures are kept. */
const MAX_LAST_S = 30 * 86_400;

const Query = Type.Object({
  metric: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 4_000,
      description: 'names of series separated by commas; a * at the end of one matches the rest',
    }),
  ),
  from: Type.Optional(Type.Integer({ minimum: 0, description: 'ms since 1970; default: an hour ago' })),
  last: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_LAST_S, description: 's before now, in place of `from`' }),
  ),
  step: Type.Integer({ default: 10, minimum: 1, maximum: 86_400, description: 's' }),
});

/** Without `metric`, the answer has the known names and their units. */
export const timeseriesRoute = fp(
  async (app: BaseApp, { history, latencies, postgres }: RouteContext) => {
    app.get('/timeseries', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const now = Date.now();
      const { metric, last, step } = request.query;
      if (metric === undefined) return { figures: SERIES, names: history.names(), latencies: latencyNames(latencies) };
      const from = last === undefined ? (request.query.from ?? now - HOUR_MS) : now - last * 1_000;
      const patterns = commaSeparated(metric);
      const sketched = patterns.filter(isLatency);
      const windowS = LATENCY_WINDOW_MS / 1_000;
      const asked = {
        patterns: patterns.filter((pattern) => !isLatency(pattern)),
        from,
        step: sketched.length === 0 ? step : Math.ceil(step / windowS) * windowS,
        now,
        maxPoints: MAX_POINTS,
      };
      const figures =
        asked.patterns.length === 0
          ? { step: asked.step, at: [], series: {}, missing: [] }
          : await readTimeseries(history, () => postgres.admin(), asked);
      const answer =
        sketched.length === 0
          ? figures
          : {
              step: figures.step,
              ...joinedSeries(
                figures,
                steppedLatencies(latencies, sketched, {
                  from: Math.max(from, now - HOUR_MS),
                  now,
                  stepMs: figures.step * 1_000,
                }),
              ),
            };
      const count = answer.at.length * Object.keys(answer.series).length;
      if (count > MAX_POINTS) throw errors.POINTS_TOO_MANY({ count, limit: MAX_POINTS });
      return answer;
    });
  },
  { name: 'performance-timeseries', dependencies: ['operators-only'] },
);
