import { LIVE_WHY_LIMIT, SUBSCRIPTION_NAME_PATTERN } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import { Type } from 'typebox';
import type { AppDependencies } from '../context.ts';
import { errors } from '../errors.ts';
import { explainDelivery } from '../live/ask-instances.ts';
import { tokenOfOperator } from '../plugins/operators-only.ts';

const Query = Type.Object({
  sub: Type.String({ minLength: 1, maxLength: 160, description: 'as /live lists it' }),
  table: Type.String({ minLength: 1, maxLength: 63 }),
  schema: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'default: the subscription’s' })),
  key: Type.String({ minLength: 1, maxLength: 1_024, description: 'of the row: values as in in.(…)' }),
  limit: Type.Integer({ default: 5, minimum: 1, maximum: LIVE_WHY_LIMIT, description: 'changes, the newest first' }),
});
const NAME = new RegExp(SUBSCRIPTION_NAME_PATTERN);

/** `GET /api/v1/performance/live/why?sub=&table=&key=`: what became of a row's changes on the way to a subscription. */
export function liveWhyRoute(app: BaseApp, { bus }: AppDependencies): void {
  app.get('/live/why', { schema: { querystring: Query } }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { sub } = request.query;
    if (!NAME.test(sub)) throw errors.LIVE_SUB({ sub });
    return explainDelivery(bus, { ...request.query, token: tokenOfOperator(request) });
  });
}
