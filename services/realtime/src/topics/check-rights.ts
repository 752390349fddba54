/** Ends the subscriptions whose rights rest on facts that have changed. */
import type { FactsCache } from './facts-cache.ts';
import type { Subscription } from './subscription.ts';
import type { Place } from './topics.ts';
import { Window } from './window.ts';

/** Asks once for each role and table, one after another: rights are looked at all the time, and must not crowd out other questions. */
export async function checkRights(
  placed: readonly (readonly [Subscription, Place])[],
  facts: FactsCache,
): Promise<void> {
  const versions = new Map<string, string | undefined>();
  for (const [, place] of placed) {
    const key = rightsKey(place);
    if (versions.has(key)) continue;
    const { schema, table } = place.rights.facts;
    versions.set(key, await facts.version(place.role, schema, table));
  }
  for (const [subscription, place] of placed) {
    const now = versions.get(rightsKey(place));
    if (now !== undefined && now !== place.version)
      subscription.resync('the table, its policies or the rights on it have changed');
    else if (subscription.topic instanceof Window && place.rights.facts.policy !== undefined)
      subscription.topic.touch();
  }
}

/** Rights go by the role, and not by the claims. */
const rightsKey = ({ role: { role }, tableKey }: Place): string => `${role}\0${tableKey}`;
