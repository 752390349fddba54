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
  after?: string;
}

export interface LiveListAnswer {
  instances: (Omit<LiveList, 'page' | 'next'> & { instance: string })[];
  /** Instances that did not answer, each with its error: their subscriptions are missing from the list. */
  silent: { instance: string; code: string; message: string; hint: string | null }[];
  subscriptions: LiveSubscription[];
  next: string | null;
}

/** The instance only walks its subscriptions in memory. */
const LIST_TIMEOUT_MS = 2_000;
/** The instance searches about 60 MB of changes, and asks Postgres about each policy. */
const WHY_TIMEOUT_MS = 10_000;

/** The order is by instance name, then by the start of the subscription. */
export async function listSubscriptions(
  bus: InspectBus,
  known: readonly string[],
  { instance, after, ...filter }: ListOptions,
): Promise<LiveListAnswer> {
  const cursor = parseCursor(after);
  const names = (instance === undefined ? [...known].sort() : [instance]).filter((name) => name >= cursor.instance);
  const answers = await Promise.all(
    names.map(async (name): Promise<InstanceReply> => {
      const listRequest: LiveListRequest = { ...filter, after: name === cursor.instance ? cursor.number : 0 };
      const options = { schema: LiveList, timeoutMs: LIST_TIMEOUT_MS };
      try {
        return {
          name,
          list: await bus.ask<LiveList>(bus.subjects.inspect('subscriptions', name), listRequest, options),
        };
      } catch (error) {
        return { name, error: error as ReplyError };
      }
    }),
  );
  return merge(answers, filter.limit);
}

type InstanceReply =
  | { name: string; list: LiveList; error?: never }
  | { name: string; list?: never; error: ReplyError };
type ReplyError = Error & { code?: string; hint?: string | null };

/** The instances must be ordered by name. */
export function merge(answers: readonly InstanceReply[], limit: number): LiveListAnswer {
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

function parseCursor(after: string | undefined): { instance: string; number: number } {
  if (after === undefined) return { instance: '', number: 0 };
  const [, instance, number] = /^([^/]+)\/(\d{1,15})$/.exec(after) ?? [];
  if (instance === undefined) throw errors.LIVE_CURSOR({ after });
  return { instance, number: Number(number) };
}

export async function explainDelivery(bus: InspectBus, request: LiveWhyRequest): Promise<LiveWhy> {
  const instance = request.sub.slice(0, request.sub.indexOf('/'));
  const options = { schema: LiveWhy, timeoutMs: WHY_TIMEOUT_MS };
  try {
    return await bus.ask<LiveWhy>(bus.subjects.inspect('why', instance), request, options);
  } catch (error) {
    if ((error as ReplyError).code === 'BUS_NOBODY') throw errors.LIVE_INSTANCE({ instance }, { cause: error });
    throw error;
  }
}
