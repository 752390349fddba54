import { tableKey } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import { Semaphore } from '@tidemark/service';
import type { TableName } from '../definitions/look.ts';
import type { FactsCache } from '../tables/facts-cache.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { CHANGED } from '../topics/resync-reasons.ts';
import type { Subscription } from '../topics/subscription.ts';
import { Window } from '../windows/window.ts';
import type { Place } from './topics-api.ts';

/** Facts that are loaded at a time; each load takes some milliseconds of the primary. */
const CONCURRENCY = 4;

/** Subscriptions of one role to one table. Rights depend on the role, not on the claims. */
interface Checked {
  role: Identity;
  table: TableName;
  subscriptions: [Subscription, Place][];
}

/** Subscriptions above `last` may have been planned with newer facts. */
export async function checkRights(
  placed: ReadonlyMap<Subscription, Place>,
  last: number,
  facts: FactsCache,
): Promise<void> {
  if (placed.size === 0) return;
  const seen = await facts.look(...followed(placed));
  const semaphore = new Semaphore(CONCURRENCY);
  await Promise.all(
    byRoleAndTable(placed, last).map(({ role, table, subscriptions }) =>
      semaphore.run(async () => {
        const now = await facts.version(role, table.schema, table.table, seen?.of(table));
        // At once, since the facts of the other tables may take a while.
        for (const [subscription, place] of subscriptions) {
          if (subscription.ended) continue;
          const isOther = now !== undefined && now !== place.facts.version;
          if (isOther || facts.haveRolesChangedBack(place.facts)) subscription.resync(CHANGED);
          else if (place.topic instanceof Window && mayChangeUntold(place.group.facts)) place.topic.touch();
        }
      }),
    ),
  );
}

function byRoleAndTable(placed: ReadonlyMap<Subscription, Place>, last: number): Checked[] {
  const all: Checked[] = [];
  const byRole = new Map<string, Map<string, Checked>>();
  for (const [subscription, place] of placed) {
    const { role, tableKey: key, group, number } = place;
    if (number > last) break;
    let byTable = byRole.get(role.role);
    if (!byTable) {
      byTable = new Map();
      byRole.set(role.role, byTable);
    }
    let checked = byTable.get(key);
    if (!checked) {
      checked = { role, table: group.facts, subscriptions: [] };
      byTable.set(key, checked);
      all.push(checked);
    }
    checked.subscriptions.push([subscription, place]);
  }
  return all;
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
