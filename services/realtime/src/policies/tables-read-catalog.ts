/** Each word of a function's text that names a relation counts; only names composed at run time are missed. */

import type { ColumnTypeDetail } from '@tidemark/query';
import { publishedSql } from '../definitions/publication-sql.ts';
import { CURRENT_ROLE_SQL, rolesVersionSql } from '../definitions/role-rights.ts';
import { catalogOf, type PolicyCatalog } from './catalog.ts';

/** A policy, a view or a function: `p`, `r`, `f`. */
export type SourceKind = 'p' | 'r' | 'f';

export interface ReadSource {
  kind: SourceKind;
  oid: number;
  /** pg_node_tree; null for a function whose body is stored as text, or that is not written in SQL. */
  tree: string | null;
  text: string | null;
}

/** An edge from a source to what it names. `c` is from a table to its partition or inheritance child. */
export type ReadEdge = readonly [from: SourceKind | 'c', of: number, to: SourceKind | 'c', oid: number];

export interface ReadColumn {
  number: number;
  name: string;
  type: ColumnTypeDetail;
}

export interface ReadRelation {
  oid: number;
  schema: string;
  name: string;
  /** pg_class.relkind */
  kind: string;
  /** Whether every change of its rows is published. */
  published: boolean;
  columns: readonly ReadColumn[] | null;
}

export interface TablesReadCatalog {
  sources: readonly ReadSource[];
  edges: readonly ReadEdge[];
  relations: readonly ReadRelation[];
  functions: PolicyCatalog;
  /** Version of the roles with whose rights the policies read: the current one, owners of views and of SECURITY DEFINER functions. */
  roles: string;
  /** Whether something reads unknown tables: another language, dynamic SQL, a foreign table. */
  opaque: boolean;
  timed: boolean;
}

const FIRST_OWN_OID = 16_384;
/** Objects of each kind. A policy that reaches more counts as reading unknown tables. */
const MAX_SOURCES = 500;
const numbers = (field: string) => `regexp_matches(s.tree, ':${field} ([0-9]+)', 'g') as m (part)`;
/** Words in lower case, and unchanged for names in double quotes. */
const WORDS = `select v.word::name from s cross join lateral regexp_matches(s.text, '[[:alpha:]_][[:alnum:]_$]*', 'g') as m (part)
        cross join lateral (values (m.part[1]), (lower(m.part[1]))) as v (word)
      union select m.part[1]::name from s cross join lateral regexp_matches(s.text, '"([^"]+)"', 'g') as m (part)`;
const TIMED_TEXT = String.raw`\m(now|current_date|current_time|current_timestamp|localtime|localtimestamp|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|nextval)\M`;
/** now, transaction_timestamp and statement_timestamp (pg_proc.dat). Volatile functions count, too. */
const TIMED_FUNCTIONS = '1299, 2647, 2648';

const sourceOf = (kind: string, oid: string) => `(select p.polqual::text as tree, null::text as text from pg_policy p
      where ${kind} = 'p' and p.oid = ${oid}
    union all select w.ev_action::text, null from pg_rewrite w join pg_class v on v.oid = w.ev_class
      where ${kind} = 'r' and w.ev_class = ${oid} and w.ev_type = '1' and v.relkind = 'v'
    union all select f.prosqlbody::text, case when f.prosqlbody is null and l.lanname in ('sql', 'plpgsql') then f.prosrc end
      from pg_proc f join pg_language l on l.oid = f.prolang where ${kind} = 'f' and f.oid = ${oid})`;

const READING_ROLES = `select a.oid from (${CURRENT_ROLE_SQL}
      union all select k.relowner from node n join pg_class k on n.kind = 'r' and k.oid = n.oid and k.relkind = 'v'
      union all select f.proowner from node n join pg_proc f on n.kind = 'f' and f.oid = n.oid and f.prosecdef) a (oid)`;

/** SQL for a TablesReadCatalog over pg_class as c; NULL without row-level security. */
export const tablesReadCatalog = (
  publication: string,
): string => `(case when c.relrowsecurity then (with recursive edge (of_kind, of_oid, kind, oid) as (
    select null::text, null::oid, 'p'::text, p.oid from pg_policy p where p.polrelid = c.oid and p.polcmd in ('r', '*')
    union
    select e.kind, e.oid, n.kind, n.oid from edge e cross join lateral (
      with s as materialized ${sourceOf('e.kind', 'e.oid')}, w (name) as materialized (${WORDS})
      select 'r'::text as kind, m.part[1]::oid as oid from s cross join lateral ${numbers('relid')}
        where m.part[1]::oid >= ${FIRST_OWN_OID}
      union select 'f', m.part[1]::oid from s
        cross join lateral regexp_matches(s.tree, ':(?:funcid|aggfnoid|winfnoid) ([0-9]+)', 'g') as m (part)
        where m.part[1]::oid >= ${FIRST_OWN_OID}
      union select 'f', o.oprcode::oid from s cross join lateral ${numbers('opno')}
        join pg_operator o on o.oid = m.part[1]::oid where o.oprcode::oid >= ${FIRST_OWN_OID}
      union select 'r', k.oid from w join pg_class k on k.relname = w.name
        where k.oid >= ${FIRST_OWN_OID} and k.relkind in ('r', 'p', 'v', 'm', 'f')
          and (k.relnamespace is distinct from to_regnamespace('tidemark') or exists (select from w where w.name = 'tidemark'))
      union select 'f', f.oid from w join pg_proc f on f.proname = w.name join pg_language l on l.oid = f.prolang
        where f.oid >= ${FIRST_OWN_OID} and l.lanname <> 'c' and f.prorettype <> 'trigger'::regtype
      union select 'p', p.oid from pg_policy p join pg_class k on k.oid = p.polrelid
        where e.kind = 'r' and p.polrelid = e.oid and p.polcmd in ('r', '*') and k.relrowsecurity
      union select 'c', i.inhrelid from pg_inherits i where e.kind in ('r', 'c') and i.inhparent = e.oid
    ) n where e.kind <> 'c' or n.kind = 'c'
  ), node as materialized (select distinct kind, oid from edge),
  found as materialized (select n.kind, n.oid, s.tree, s.text from node n cross join lateral ${sourceOf('n.kind', 'n.oid')} s)
  select json_build_object(
    'sources', (select coalesce(json_agg(json_build_object('kind', s.kind, 'oid', s.oid::int8, 'tree', s.tree, 'text', s.text)
      order by s.kind, s.oid), '[]') from found s),
    'edges', (select coalesce(json_agg(json_build_array(e.of_kind, e.of_oid::int8, e.kind, e.oid::int8)
      order by e.of_kind, e.of_oid, e.kind, e.oid), '[]') from edge e where e.of_kind is not null),
    'relations', (select coalesce(json_agg(json_build_object('oid', k.oid::int8, 'schema', kn.nspname, 'name', k.relname,
        'kind', k.relkind,
        'published', coalesce((${publishedSql(publication, 'k')} ->> 'filtered')::boolean = false, false)
          and exists (select from pg_publication b where b.pubname = ${publication}
            and b.pubinsert and b.pubupdate and b.pubdelete and b.pubtruncate),
        'columns', (select json_agg(json_build_object('number', a.attnum, 'name', a.attname, 'type', json_build_object(
            'type', format_type(a.atttypid, null), 'deterministic', coalesce(l.collisdeterministic, true))) order by a.attnum)
          from pg_attribute a left join pg_collation l on l.oid = a.attcollation
          where a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped)) order by k.oid), '[]')
      from pg_class k join pg_namespace kn on kn.oid = k.relnamespace
      where k.oid in (select n.oid from node n where n.kind in ('r', 'c'))),
    'functions', ${catalogOf(`select f.tree from found f where f.kind <> 'f'`)},
    'roles', ${rolesVersionSql(READING_ROLES)},
    'opaque', (select count(*) > ${MAX_SOURCES} from node)
      or exists (select from node n join pg_proc f on n.kind = 'f' and f.oid = n.oid join pg_language l on l.oid = f.prolang
        where l.lanname not in ('sql', 'plpgsql', 'c', 'internal'))
      or exists (select from found s where s.text ~* '\\mexecute\\M')
      or exists (select from node n join pg_class k on n.kind in ('r', 'c') and k.oid = n.oid where k.relkind = 'f'),
    'timed', exists (select from found s where s.text ~* '${TIMED_TEXT}' or s.tree like '%{SQLVALUEFUNCTION %')
      or exists (select from found s cross join lateral ${numbers('funcid')} join pg_proc f on f.oid = m.part[1]::oid
        where f.oid < ${FIRST_OWN_OID} and (f.provolatile = 'v' or f.oid in (${TIMED_FUNCTIONS}))))) end)`;
