import { errors } from '../errors.ts';

export interface Unfollowable {
  children: string | null;
  /** Names of partitions whose rows are not in the WAL: foreign and unlogged tables. */
  silent: string | null;
  /** Kinds of changes that the publication omits. */
  unpublished: string | null;
}

/** SQL for an Unfollowable over pg_class as c; $3 is the publication. */
export const UNFOLLOWABLE = `(select json_build_object(
  'children', (select string_agg(i.inhrelid::regclass::text, ', ' order by i.inhseqno, i.inhrelid)
    from pg_inherits i where i.inhparent = c.oid and c.relkind = 'r'),
  'silent', (select string_agg(p.relid::regclass::text, ', ' order by p.relid)
    from pg_partition_tree(c.oid) p join pg_class l on l.oid = p.relid
    where p.isleaf and (l.relkind <> 'r' or l.relpersistence <> 'p')),
  'unpublished', (select nullif(concat_ws(', ', case when not p.pubinsert then 'insert' end, case when not p.pubupdate then 'update' end,
      case when not p.pubdelete then 'delete' end, case when not p.pubtruncate then 'truncate' end), '')
    from pg_publication p where p.pubname = $3)))`;

export function refuseUnfollowable(
  { children, silent, unpublished }: Unfollowable,
  table: { schema: string; table: string; publication: string },
): void {
  if (children !== null) throw errors.INHERITED({ ...table, children });
  if (silent !== null) throw errors.SILENT_PARTITIONS({ ...table, partitions: silent });
  if (unpublished !== null) throw errors.PUBLISH_PARTIAL({ ...table, kinds: unpublished });
}
