import {
  LiveList,
  type LiveListRequest,
  type LiveSubscription,
  LiveWhy,
  type LiveWhyRequest,
} from '@tidemark/contracts';
import { errors } from '../errors.ts';
import { type Answers, askInstances, type InspectBus, type Silent } from '../instances/ask.ts';

export interface ListOptions extends Omit<LiveListRequest, 'after'> {
  instance?: string;
  after?: string;
}

export interface LiveListAnswer {
  instances: (Omit<LiveList, 'page' | 'next'> & { instance: string })[];
  silent: Silent[];
  subscriptions: LiveSubscription[];
  next: string | null;
}

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
  const question = (name: string): LiveListRequest => ({
    ...filter,
    after: name === cursor.instance ? cursor.number : 0,
  });
  return merge(await askInstances<LiveList>(bus, 'subscriptions', names, question, LiveList), filter.limit);
}

/** The answers must be ordered by the names of their instances. */
export function merge({ answers, silent }: Answers<LiveList>, limit: number): LiveListAnswer {
  const merged: LiveListAnswer = { instances: [], silent, subscriptions: [], next: null };
  for (const { instance, answer } of answers) {
    const { page, next, ...counts } = answer;
    merged.instances.push({ instance, ...counts });
    if (merged.next !== null) continue;
    const taken = page.slice(0, limit - merged.subscriptions.length);
    merged.subscriptions.push(...taken);
    if (taken.length < page.length || next !== null) merged.next = `${instance}/${taken.at(-1)?.number ?? 0}`;
  }
  return merged;
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
    if ((error as { code?: string }).code === 'BUS_NOBODY') throw errors.LIVE_INSTANCE({ instance }, { cause: error });
    throw error;
  }
}
