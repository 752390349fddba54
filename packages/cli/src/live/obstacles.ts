import { identifier } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { Relation } from './relations.ts';
import { type Db, type LiveTable, qualified } from './statements.ts';

export interface Obstacle {
  reason: string;
  remedy: string;
}

const WHOLE_OLD_ROWS = 'with whole old rows, Postgres would refuse every UPDATE and DELETE';

export function obstacleOf(
  table: LiveTable,
  relations: readonly Relation[],
  publication: string,
  keyOnly: boolean,
): Obstacle | undefined {
  const { kind, persistence, key, security, inherits, parentPublished, isSystem, isKeyDeferrable, operations } = table;
  if (kind !== 'r' && kind !== 'p') {
    return { reason: 'it is no table', remedy: 'Enable the tables that it reads.' };
  }
  if (isSystem) return { reason: 'it is one of Postgres’s own tables', remedy: 'Follow a table of your own.' };
  if (persistence !== 'p') {
    const remedy = persistence === 'u' ? 'Make it logged: alter table … set logged;' : 'Use a permanent table.';
    return { reason: 'its changes are not in the WAL', remedy };
  }
  if (inherits) {
    return {
      reason: 'it has inheritance children or parents, whose changes would be published as those of another table',
      remedy: 'Use declarative partitions (partition by), or tables without inheritance.',
    };
  }
  if (parentPublished !== null) {
    return { reason: `it is a partition of ${parentPublished}, which is live`, remedy: `Follow ${parentPublished}.` };
  }
  const outside = relations.find((relation) => relation.kind === 'f' || relation.persistence !== 'p');
  if (outside) {
    const what = outside.kind === 'f' ? 'a foreign table' : 'not logged';
    return {
      reason: `its partition ${outside.name} is ${what}: changes of it are not in the WAL`,
      remedy: `Make it an ordinary table, or detach it: alter table ${qualified(table)} detach partition ${outside.name};`,
    };
  }
  if (operations !== null && operations !== 'insert, update, delete, truncate') {
    return {
      reason: `${publication} publishes only ${operations || 'nothing'}`,
      remedy: `alter publication ${identifier(publication)} set (publish = 'insert, update, delete, truncate');`,
    };
  }
  if (kind === 'p' && key.length === 0) {
    return {
      reason:
        'it is partitioned and has no primary key: UPDATE and DELETE would be refused in each partition that is made later',
      remedy: `alter table ${qualified(table)} add primary key (…);`,
    };
  }
  if (!keyOnly) return undefined;
  if (security) {
    return { reason: 'row-level security is decided over whole old rows', remedy: 'Leave out --key-only.' };
  }
  const chosen = relations.every(({ identity }) => identity === 'i');
  if (key.length === 0 && !chosen) {
    return { reason: 'it has no primary key', remedy: 'Add one, or leave out --key-only.' };
  }
  if (isKeyDeferrable && !chosen) {
    return {
      reason: 'its primary key is deferrable, which Postgres does not identify rows by',
      remedy: 'Leave out --key-only, or make the key not deferrable.',
    };
  }
  return undefined;
}

interface Causes extends Record<string, unknown> {
  virtual: string[];
  stored: string[];
  listing: string[];
  filtering: string[];
  withoutGenerated: string[];
}

/** Lists publications of updates or deletes that contain the table, one of its partitions, or a parent of one. */
const CAUSES = `
with tree as (
  select $1::regclass::oid as oid union select relid from pg_partition_tree($1::regclass)
  union select relid from pg_partition_ancestors($1::regclass)
), publications as (
  select p.pubname, p.puballtables, r.prattrs is not null as lists, r.prqual is not null as filters,
    to_jsonb(p) ->> 'pubgencols' = 'n' as lacks
  from pg_publication p
  left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid in (select oid from tree)
  where (p.pubupdate or p.pubdelete) and (p.puballtables or r.oid is not null or exists (
    select from pg_publication_namespace s join pg_class c on c.relnamespace = s.pnnspid
    where s.pnpubid = p.oid and c.oid in (select oid from tree)))
), generated as (
  select distinct a.attname, a.attgenerated from pg_attribute a
  where a.attrelid in (select oid from tree) and a.attgenerated <> '' and not a.attisdropped
)
select
  to_json(array(select attname::text from generated where attgenerated = 'v' order by 1)) as virtual,
  to_json(array(select attname::text from generated where attgenerated = 's' order by 1)) as stored,
  to_json(array(select distinct pubname::text from publications where lists order by 1)) as listing,
  to_json(array(select distinct pubname::text from publications where filters order by 1)) as filtering,
  to_json(array(select distinct pubname::text from publications where lacks and not lists order by 1)) as "withoutGenerated"`;

/** Runs within the transaction that tried the new identity. */
export async function refusalOf(db: Db, table: LiveTable, keyOnly: boolean, refusal: Error): Promise<Error> {
  const label = `${table.schema}.${table.table}`;
  const [causes] = await db.query<Causes>(CAUSES, [qualified(table)]);
  const { virtual, stored, listing, filtering, withoutGenerated } = causes as Causes;
  const canBeKeyOnly = !keyOnly && table.key.length > 0 && !table.security && !table.isKeyDeferrable;
  const orKeyOnly = canBeKeyOnly ? ' Or enable it with --key-only.' : '';
  const fail = (reason: string, remedy: string) =>
    errors.NOT_LIVE({ table: label, reason, remedy: remedy + orKeyOnly }, { cause: refusal });
  if (!keyOnly && virtual.length > 0) {
    return fail(
      `its column ${virtual[0]} is a virtual generated one, which no publication has: ${WHOLE_OLD_ROWS}`,
      `Make it a stored one: alter table ${qualified(table)} drop column ${identifier(virtual[0] ?? '')}, and add it again with STORED.`,
    );
  }
  if (!keyOnly && listing.length > 0) {
    const name = identifier(listing[0] ?? '');
    return fail(
      `the publication ${listing[0]} has a list of its columns: ${WHOLE_OLD_ROWS}`,
      `Publish all columns there: alter publication ${name} drop table ${qualified(table)}; alter publication ${name} add table ${qualified(table)};`,
    );
  }
  if (stored.length > 0 && withoutGenerated.length > 0) {
    return fail(
      `the publication ${withoutGenerated[0]} leaves out generated columns, such as ${stored[0]}: ${WHOLE_OLD_ROWS}`,
      `alter publication ${identifier(withoutGenerated[0] ?? '')} set (publish_generated_columns = stored);`,
    );
  }
  if (keyOnly && filtering.length > 0) {
    return fail(
      `the publication ${filtering[0]} filters rows by columns that are not of the key, for which it needs whole old rows`,
      'Leave out --key-only.',
    );
  }
  return fail(
    `Postgres would refuse its writes: ${refusal.message}`,
    'Change its publications or its replica identity.',
  );
}
