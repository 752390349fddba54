/** Asks the realtime instances about their subscriptions, over NATS. */
import type { Bus } from '@tidemark/bus';
import {
  LiveList,
  type LiveListRequest,
  type LiveSubscription,
  LiveWhy,
  type LiveWhyRequest,
} from '@tidemark/contracts';
import { errors } from '../errors.ts';

export type InspectBus = Pick<Bus, 'ask' | 'subjects'>;

export interface ListOptions extends Omit<LiveListRequest, 'after'> {
  instance?: string;
  /** `next` of the page before. */
  after?: string;
}

export interface LiveListAnswer {
  instances: (Omit<LiveList, 'page' | 'next'> & { instance: string })[];
  /** Those that did not answer, with why and what to do: what follows is not all then. */
  silent: { instance: string; code: string; message: string; hint: string | null }[];
  subscriptions: LiveSubscription[];
  /** For `after`; null at the end. */
  next: string | null;
}

/** It goes through the subscriptions in memory. */
const LIST_TIMEOUT_MS = 2_000;
/** It looks through some 60 MB of changes, and asks Postgres for each policy. */
const WHY_TIMEOUT_MS = 10_000;

/** A page over all instances, by their names, and in each in the order in which the subscriptions began. */
export async function listSubscriptions(
  bus: InspectBus,
  known: readonly string[],
  { instance, after, ...request }: ListOptions,
): Promise<LiveListAnswer> {
  const from = readCursor(after);
  const asked = (instance === undefined ? [...known].sort() : [instance]).filter((name) => name >= from.instance);
  const answers = await Promise.all(
    asked.map(async (name): Promise<Answered> => {
      const question: LiveListRequest = { ...request, after: name === from.instance ? from.number : 0 };
      const options = { schema: LiveList, timeoutMs: LIST_TIMEOUT_MS };
      try {
        return { name, list: await bus.ask<LiveList>(bus.subjects.inspect('subscriptions', name), question, options) };
      } catch (error) {
        return { name, error: error as Refusal };
      }
    }),
  );
  return merge(answers, request.limit);
}

type Answered = { name: string; list: LiveList; error?: never } | { name: string; list?: never; error: Refusal };
type Refusal = Error & { code?: string; hint?: string | null };

/** @param answers in the order of their names */
export function merge(answers: readonly Answered[], limit: number): LiveListAnswer {
  const answer: LiveListAnswer = { instances: [], silent: [], subscriptions: [], next: null };
  for (const { name, list, error } of answers) {
    if (error) {
      const { code = 'BUS_ASK_FAILED', message, hint = null } = error;
      answer.silent.push({ instance: name, code, message, hint });
      continue;
    }
    const { page, next, ...counts } = list;
    answer.instances.push({ instance: name, ...counts });
    if (answer.next !== null) continue;
    const taken = page.slice(0, limit - answer.subscriptions.length);
    answer.subscriptions.push(...taken);
    if (taken.length < page.length || next !== null) answer.next = `${name}/${taken.at(-1)?.number ?? 0}`;
  }
  return answer;
}

/** @throws METRICS_LIVE_CURSOR */
function readCursor(after: string | undefined): { instance: string; number: number } {
  if (after === undefined) return { instance: '', number: 0 };
  const [, instance, number] = /^([^/]+)\/(\d{1,15})$/.exec(after) ?? [];
  if (instance === undefined) throw errors.LIVE_CURSOR({ after });
  return { instance, number: Number(number) };
}

/** @throws METRICS_LIVE_INSTANCE, BUS_NO_ANSWER, and what the instance refuses with (RT_…, 42501) */
export async function explainDelivery(bus: InspectBus, request: LiveWhyRequest): Promise<LiveWhy> {
  const instance = request.sub.slice(0, request.sub.indexOf('/'));
  const options = { schema: LiveWhy, timeoutMs: WHY_TIMEOUT_MS };
  try {
    return await bus.ask<LiveWhy>(bus.subjects.inspect('why', instance), request, options);
  } catch (error) {
    if ((error as Refusal).code === 'BUS_NOBODY') throw errors.LIVE_INSTANCE({ instance }, { cause: error });
    throw error;
  }
}
