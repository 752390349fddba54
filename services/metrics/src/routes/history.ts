import { type BaseApp, commaSeparated } from '@tidemark/service';
import { Type } from 'typebox';
import type { AppDependencies } from '../context.ts';
import { errors } from '../errors.ts';
import { SERIES } from '../history/samples.ts';

/** At 900 values each this is some 2 MB of JSON. */
const MAX_SERIES = 300;

const Query = Type.Object({
  series: Type.Optional(
    Type.String({ maxLength: 4_000, description: 'names separated by commas; a * at the end of one matches the rest' }),
  ),
  seconds: Type.Integer({ default: 300, minimum: 1, maximum: 86_400, description: 's back from now' }),
});

/** `GET /api/v1/performance/history?series=…&seconds=…`; without `series`, the names that there are, with their units. */
export function historyRoute(app: BaseApp, { history }: AppDependencies): void {
  app.get('/history', { schema: { querystring: Query } }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { series, seconds } = request.query;
    if (series === undefined) return { figures: SERIES, names: history.names() };
    const answer = history.read(commaSeparated(series), seconds);
    const asked = Object.keys(answer.series).length;
    if (asked > MAX_SERIES) throw errors.SERIES_TOO_MANY({ asked, limit: MAX_SERIES });
    return answer;
  });
}
