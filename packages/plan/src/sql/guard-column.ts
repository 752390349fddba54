/** A column with the versions of the definitions of the relations that a statement reads, in its own snapshot. */

/** Versions of the catalog rows of each relation and of its rules (a view's definition). `oids` is an array expression. */
export const relationStampsSql = (oids: string): string => `(
  select string_agg(s.stamp, ',' order by s.stamp collate "C") from (
    select concat(oid, ':', xmin) as stamp from pg_class where oid = any (${oids})
    union all select concat(ev_class, '/', xmin) from pg_rewrite where ev_class = any (${oids})) s)`;

export const guardColumn = (oids: string): string => `${relationStampsSql(`${oids}::oid[]`)} as guard`;
