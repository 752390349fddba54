/** `<instance>/<socket>/<id>`: how operators name a subscription; unique over all instances, for as long as they run. */
import type { Identity } from '@tidemark/db';
import type { Subscription } from '../topics/subscription.ts';

export function subscriptionName(instance: string, { sink, id }: Subscription): string {
  return `${instance}/${sink.name}/${id}`;
}

/** The client's id may hold slashes. */
export function readSubscriptionName(name: string): { sink: string; id: string } {
  const [, sink = '', ...id] = name.split('/');
  return { sink, id: id.join('/') };
}

/** Of the claims, all that operators are shown. */
export function userOf(identity: Identity): string | null {
  const { sub } = JSON.parse(identity.claims) as { sub?: unknown };
  return typeof sub === 'string' ? sub : null;
}
