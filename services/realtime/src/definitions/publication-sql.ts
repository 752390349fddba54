/** Reads what the view pg_publication_tables shows, but locks no table: the view waits for any ALTER TABLE in an open transaction. */

/** Lowest oid of objects that are not built in; built-in objects are never published. */
const FIRST_OWN_OID = 16_384;

export interface Published {
  columns: string[];
  filtered: boolean;
}

const isNamed = (table: string): string => `(p.puballtables
    or exists (select from pg_catalog.pg_publication_rel e where e.prpubid = p.oid and e.prrelid = ${table}.oid)
    or exists (select from pg_catalog.pg_publication_namespace e where e.pnpubid = p.oid and e.pnnspid = ${table}.relnamespace))`;

const isAncestorNamed = (table: string): string => `exists (
    select from pg_catalog.pg_partition_ancestors(${table}.oid) as up (relid) join pg_catalog.pg_class anc on anc.oid = up.relid
    where up.relid <> ${table}.oid and ${isNamed('anc')})`;

/** The table's own entry has no effect beside an entry of its schema or of all tables. */
const ownEntry = (table: string): string => `left join pg_catalog.pg_publication_rel own on own.prpubid = p.oid
    and own.prrelid = ${table}.oid and not p.puballtables and not exists (
      select from pg_catalog.pg_publication_namespace e where e.pnpubid = p.oid and e.pnnspid = ${table}.relnamespace)`;

/** A scalar subquery; NULL where `table`, the alias of a pg_class row, is not published under its own name. */
export const publishedSql = (publication: string, table: string): string => `(
  select json_build_object('filtered', own.prqual is not null, 'columns', (
    select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_catalog.pg_attribute a
    where a.attrelid = ${table}.oid and a.attnum > 0 and not a.attisdropped and case
      when own.prattrs is not null then a.attnum = any (own.prattrs::int2[])
      else a.attgenerated = '' or (a.attgenerated = 's' and to_jsonb(p) ->> 'pubgencols' = 's') end))
  from pg_catalog.pg_publication p ${ownEntry(table)}
  where p.pubname = ${publication} and ${table}.oid >= ${FIRST_OWN_OID} and ${table}.relpersistence = 'p' and case
    when p.pubviaroot then ${table}.relkind in ('r', 'p') and ${isNamed(table)} and not ${isAncestorNamed(table)}
    else ${table}.relkind = 'r' and (${isNamed(table)} or ${isAncestorNamed(table)}) end)`;
