/** Answers the operators' requests on `inspect.…`, which the metrics service forwards. */
import type { Bus } from '@tidemark/bus';
import { LiveListRequest, LiveWhyRequest } from '@tidemark/contracts';
import { type VerifyToken, verifyOperator } from '@tidemark/service';
import { type ListOptions, listSubscriptions } from './list-subscriptions.ts';
import { explainWhy, type WhyOptions } from './why.ts';

export interface InspectionsOptions extends WhyOptions, ListOptions {
  bus: Bus;
  verifyToken: VerifyToken;
}

/** Each request scans the subscriptions or the ring and may query Postgres, which must not slow the delivery. */
const CONCURRENCY = 2;

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
