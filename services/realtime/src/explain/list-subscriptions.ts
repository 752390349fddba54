/** Lists the subscriptions of this instance in pages, in the order in which they began. */
import type { LiveList, LiveListRequest, LiveSubscription } from '@tidemark/contracts';
import type { Sockets } from '../sockets/sockets.ts';
import type { EventStreams } from '../sse/event-streams.ts';
import type { Place, Topics } from '../subscriptions/topics-api.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Topic } from '../topics/topic.ts';
import { Window } from '../windows/window.ts';
import { subscriptionName, userOf } from './subscription-name.ts';

export interface ListOptions {
  instance: string;
  topics: Topics;
  sockets: Sockets;
  streams: EventStreams;
}

/** Limit of a page with long queries: half of NATS's default limit for a message. */
const PAGE_BYTES = 512 * 1_024;

export function listSubscriptions(
  { instance, topics, sockets, streams }: ListOptions,
  request: LiveListRequest,
): LiveList {
  const { subscriptions, topics: distinct } = topics.counts();
  const counts = {
    sockets: sockets.counts().open,
    eventStreams: streams.counts().open,
    subscriptions,
    topics: distinct,
  };
  const page: LiveSubscription[] = [];
  let bytes = 0;
  let last = request.after;
  for (const [subscription, place] of topics.placed()) {
    if (place.number <= request.after || !isAsked(request, place)) continue;
    if (page.length >= request.limit || bytes > PAGE_BYTES) return { ...counts, page, next: last };
    const shown = show(instance, subscription, place);
    page.push(shown);
    bytes += JSON.stringify(shown).length;
    last = place.number;
  }
  return { ...counts, page, next: null };
}

function isAsked({ schema, table, role, user }: LiveListRequest, place: Place): boolean {
  const { facts } = place.group;
  if (schema !== undefined && facts.schema !== schema) return false;
  if (table !== undefined && facts.table !== table) return false;
  if (role !== undefined && place.role.role !== role) return false;
  return user === undefined || userOf(place.role) === user;
}

function show(
  instance: string,
  subscription: Subscription,
  { number, role: identity, topic, group }: Place,
): LiveSubscription {
  return {
    sub: subscriptionName(instance, subscription),
    number,
    schema: group.facts.schema,
    query: queryOf(topic),
    mode: topic.mode,
    window: topic instanceof Window,
    state: subscription.live ? 'live' : 'catching up',
    role: identity.role,
    user: userOf(identity),
    startedAt: subscription.startedAt,
    changes: subscription.changesTotal,
    subscribers: topic.subscriptions.size,
    bufferedBytes: subscription.sink.bufferedBytes,
  };
}

/** Returns the query in its canonical form: equal texts are one query. */
export function queryOf({ plan }: Topic): string {
  const table = encodeURIComponent(plan.facts.table);
  return plan.canonical === '' ? table : `${table}?${plan.canonical}`;
}
