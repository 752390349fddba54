/** Answers what operators ask this instance, through the metrics service, on `inspect.…`. */
import type { Bus } from '@tidemark/bus';
import { LiveListRequest, LiveWhyRequest } from '@tidemark/contracts';
import { isOperator, type VerifiedToken, type VerifyToken } from '@tidemark/service';
import { errors } from '../errors.ts';
import { type ListOptions, listSubscriptions } from './list-subscriptions.ts';
import { explainWhy, type WhyOptions } from './why.ts';

export interface InspectionsOptions extends WhyOptions, ListOptions {
  bus: Bus;
  verifyToken: VerifyToken;
}

/** Each looks through the subscriptions, or the ring, and may ask Postgres: operators must not slow the delivery down. */
const CONCURRENCY = 2;

/** @returns what ends it */
export function answerInspections(options: InspectionsOptions): () => void {
  const { bus, instance } = options;
  const answers = [
    bus.answer(
      bus.subjects.inspect('subscriptions', instance),
      async ({ token, ...request }: LiveListRequest) => {
        await verifyOperator(options.verifyToken, token);
        return listSubscriptions(options, request);
      },
      { schema: LiveListRequest, concurrency: CONCURRENCY },
    ),
    bus.answer(
      bus.subjects.inspect('why', instance),
      async ({ token, ...request }: LiveWhyRequest) => {
        const { role, claimsText } = await verifyOperator(options.verifyToken, token);
        return explainWhy(options, request, { role, claims: claimsText });
      },
      { schema: LiveWhyRequest, concurrency: CONCURRENCY },
    ),
  ];
  return () => {
    for (const answer of answers) answer.unsubscribe();
  };
}

/**
 * The metrics service has verified the token already; here it is done again with this service's own keys, because a message on
 * NATS proves nothing about who asks.
 * @throws RT_OPERATOR_TOKEN_MISSING, RT_OPERATOR_REFUSED, AUTH_*
 */
async function verifyOperator(verify: VerifyToken, token: string | undefined): Promise<VerifiedToken> {
  if (token === undefined) throw errors.OPERATOR_TOKEN_MISSING();
  const operator = await verify(token);
  if (!isOperator(operator)) throw errors.OPERATOR_REFUSED({ role: operator.role });
  return operator;
}
