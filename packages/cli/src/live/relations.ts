import { identifier } from '@tidemark/db';
import { errors } from '../errors.ts';
import { type Db, type LiveTable, qualified } from './statements.ts';

export interface Relation {
  oid: string;
  name: string;
  /** `r` ordinary table, `p` partitioned table, `f` foreign table. */
  kind: string;
  persistence: string;
  /** `d`efault, `n`othing, `f`ull, `i`ndex. */
  identity: string;
  index: string | null;
  /** The first column, for an UPDATE that changes nothing. */
  column: string | null;
  /** The identity before the table was enabled; null when it was not recorded. */
  was: string | null;
  wasIndex: string | null;
  /** The identity that enable has set. */
  made: string | null;
}

const RELATIONS = `
select c.oid::text as oid, c.oid::regclass::text as name, c.relkind::text as kind, c.relpersistence::text as persistence,
  c.relreplident::text as identity,
  (select i.indexrelid::regclass::text from pg_index i where i.indrelid = c.oid and i.indisreplident) as index,
  (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum limit 1)
    as column,
  m.identity::text as was, m.index_name as "wasIndex", m.made::text as made
from pg_class c left join tidemark.live_identities m on m.relation = c.oid
where c.oid = $1::regclass or c.oid in (select t.relid from pg_partition_tree($1::regclass) t)
order by c.oid <> $1::regclass, 2`;

export async function relationsOf(db: Db, table: LiveTable): Promise<Relation[]> {
  const [known] = await db.query(`select to_regclass('tidemark.live_identities') is not null as there`);
  if (known?.there !== true) throw errors.NOT_MIGRATED();
  return (await db.query<Relation & Record<string, unknown>>(RELATIONS, [qualified(table)])) as Relation[];
}

/** A chosen index is a key like any other. */
export function wantedIdentity({ identity }: Relation, keyOnly: boolean): 'full' | 'default' | undefined {
  if (!keyOnly) return identity === 'f' ? undefined : 'full';
  return identity === 'd' || identity === 'i' ? undefined : 'default';
}

export const setIdentity = ({ name }: Relation, identity: string): string =>
  `alter table ${name} replica identity ${identity}`;

/** A second enable would find the identity that the first one set. */
export async function remember(db: Db, relation: Relation, keyOnly: boolean): Promise<void> {
  const made = keyOnly ? (relation.identity === 'i' ? 'i' : 'd') : 'f';
  await db.query(
    `insert into tidemark.live_identities (relation, identity, index_name, made)
     values ($1::oid, $2::"char", (select relname from pg_class where oid = $3::regclass), $4::"char")
     on conflict (relation) do update set made = excluded.made`,
    [relation.oid, relation.identity, relation.index, made],
  );
}

export async function forget(db: Db, relations: readonly Relation[]): Promise<void> {
  await db.query(
    `delete from tidemark.live_identities where relation = any ($1::oid[]) or relation not in (select oid from pg_class)`,
    [`{${relations.map(({ oid }) => oid).join(',')}}`],
  );
}

export function restoring(relation: Relation): { statement: string } | { stays: string } | undefined {
  const { was, wasIndex, made, identity, name } = relation;
  if (was === null) return undefined;
  if (identity !== made) return { stays: `the replica identity of ${name} was changed since it became live` };
  if (was === 'i' && wasIndex === null) return { stays: `the index that identified the rows of ${name} is gone` };
  if (was === identity && was !== 'i') return undefined;
  const words = { d: 'default', n: 'nothing', f: 'full' }[was] ?? `using index ${identifier(wasIndex ?? '')}`;
  return { statement: setIdentity(relation, words) };
}

/**
 * Rejects with 42P10 or 55000 when Postgres would refuse every UPDATE or DELETE. EXPLAIN checks that like the
 * statement itself, and fires no trigger.
 */
export async function tryWrites(db: Db, relations: readonly Relation[]): Promise<void> {
  for (const { name, kind, column } of relations) {
    if (kind !== 'r') continue;
    if (column !== null) await db.query(`explain update only ${name} set ${identifier(column)} = default where false`);
    await db.query(`explain delete from only ${name} where false`);
  }
}
