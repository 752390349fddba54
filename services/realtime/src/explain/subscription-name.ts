/** The name of a subscription for operators, `<instance>/<socket>/<id>`, unique over all running instances. */
import type { Identity } from '@tidemark/db';
import type { Subscription } from '../topics/subscription.ts';

export function subscriptionName(instance: string, { sink, id }: Subscription): string {
  return `${instance}/${sink.name}/${id}`;
}

/** Splits a name, whose id may hold slashes. */
export function readSubscriptionName(name: string): { sink: string; id: string } {
  const [, sink = '', ...id] = name.split('/');
  return { sink, id: id.join('/') };
}

/** Returns the claim `sub`, the only one that operators may see. */
export function userOf(identity: Identity): string | null {
  const { sub } = JSON.parse(identity.claims) as { sub?: unknown };
  return typeof sub === 'string' ? sub : null;
}
