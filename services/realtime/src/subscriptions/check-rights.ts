import { tableKey } from '@tidemark/contracts';
import type { TableName } from '../definitions/look.ts';
import type { FactsCache } from '../tables/facts-cache.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { CHANGED } from '../topics/resync-reasons.ts';
import type { Subscription } from '../topics/subscription.ts';
import { Window } from '../windows/window.ts';
import type { Place } from './topics-api.ts';

/**
 * Loads the facts of changed tables one after another, so that the checks do not crowd out other statements.
 * Subscriptions above `last` may have been planned with newer facts.
 */
export async function checkRights(
  placed: ReadonlyMap<Subscription, Place>,
  last: number,
  facts: FactsCache,
): Promise<void> {
  if (placed.size === 0) return;
  const seen = await facts.look(...followed(placed));
  // Rights depend on the role, not on the claims.
  const versions = new Map<string, Map<string, string | undefined>>();
  for (const [subscription, place] of placed) {
    const { role, tableKey: key, group } = place;
    if (place.number > last) break;
    let ofRole = versions.get(role.role);
    if (ofRole === undefined) {
      ofRole = new Map();
      versions.set(role.role, ofRole);
    }
    if (!ofRole.has(key)) {
      const { schema, table } = group.facts;
      ofRole.set(key, await facts.version(role, schema, table, seen?.of({ schema, table })));
      if (subscription.ended) continue;
    }
    const now = ofRole.get(key);
    // At once, since the facts of the other tables may take a while.
    if (now !== undefined && now !== place.facts.version) subscription.resync(CHANGED);
    else if (place.topic instanceof Window && mayChangeUntold(group.facts)) place.topic.touch();
  }
}

function followed(placed: ReadonlyMap<Subscription, Place>): [TableName[], number[]] {
  const tables = new Map<string, TableName>();
  const read = new Set<number>();
  const groups = new Set<Place['group']>();
  for (const { group } of placed.values()) {
    if (groups.has(group)) continue;
    groups.add(group);
    const { schema, table, tablesRead } = group.facts;
    tables.set(tableKey(schema, table), { schema, table });
    for (const { published, counted } of tablesRead.tables)
      for (const { oid } of [...published, ...counted]) read.add(oid);
  }
  return [[...tables.values()], [...read]];
}

/** The policies may read tables whose changes are not published. */
const mayChangeUntold = ({ policy, tablesRead }: TableFacts): boolean =>
  policy !== undefined && (tablesRead.isOpen || tablesRead.tables.some(({ counted }) => counted.length > 0));
