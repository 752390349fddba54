/** Answers what operators ask this instance, through the metrics service, on `inspect.…`. */
import type { Bus } from '@tidemark/bus';
import { LiveListRequest, LiveWhyRequest } from '@tidemark/contracts';
import { type ListOptions, listSubscriptions } from './list-subscriptions.ts';
import { explainWhy, type WhyOptions } from './why.ts';

export interface InspectionsOptions extends WhyOptions, ListOptions {
  bus: Bus;
}

/** Each looks through the subscriptions, or the ring, and may ask Postgres: operators must not slow the delivery down. */
const CONCURRENCY = 2;

/** @returns what ends it */
export function answerInspections(options: InspectionsOptions): () => void {
  const { bus, instance } = options;
  const subject = (what: 'subscriptions' | 'why') => bus.subjects.inspect(what, instance);
  const answers = [
    bus.answer(subject('subscriptions'), (request: LiveListRequest) => listSubscriptions(options, request), {
      schema: LiveListRequest,
      concurrency: CONCURRENCY,
    }),
    bus.answer(subject('why'), (request: LiveWhyRequest) => explainWhy(options, request), {
      schema: LiveWhyRequest,
      concurrency: CONCURRENCY,
    }),
  ];
  return () => {
    for (const answer of answers) answer.unsubscribe();
  };
}
