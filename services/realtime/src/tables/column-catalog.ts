import type { ColumnTypeDetail } from '@tidemark/query';
import { isNode, type NodeValue, number, parseNodeText } from '../policies/node-text.ts';

export interface ColumnCatalog {
  /** The type to cast to, with its schema. For a domain, its base type: old rows may violate the domain. */
  cast: string;
  /** The type that the text is sent as: the type itself where a cast from text differs from its input function. */
  carrier: string;
  collation: string | null;
  /** Whether the role may use the schemas of the type and the collation. */
  nameable: boolean;
  generation: { expression: string; tree: string; collation: string | null } | null;
}

const collationName = (oid: string) => `(select quote_ident(n.nspname) || '.' || quote_ident(l.collname)
  from pg_collation l join pg_namespace n on n.oid = l.collnamespace where l.oid = ${oid})`;

const baseType = (oid: string, name: string) => `lateral (
  with recursive types (oid, depth) as (
    select ${oid}, 0
    union all
    select t.typbasetype, depth + 1 from types join pg_type t on t.oid = types.oid where t.typtype = 'd')
  select t.* from types join pg_type t on t.oid = types.oid order by depth desc limit 1) as ${name}`;

/** SQL for the pg_type row of pg_attribute `a` as `base`, with domains resolved. */
export const BASE_TYPE = `cross join ${baseType('a.atttypid', 'base')}`;

const labels = (type: string) =>
  `(select json_agg(l.enumlabel order by l.enumsortorder) from pg_enum l where l.enumtypid = ${type}.oid)`;

/**
 * SQL for members of a ColumnTypeDetail, with BASE_TYPE. A domain over an enum has no labels: Postgres has no operators
 * for it, which it tells when it is asked about the filter. The text of int2vector and oidvector is not that of an array.
 */
export const TYPE_DETAIL = `'labels', case when base.oid = a.atttypid then ${labels('base')} end, 'composite', base.typtype = 'c',
  'element', (select json_build_object('type', format_type(element.oid, null), 'labels', ${labels('element')})
    from ${baseType('base.typelem', 'element').replace('lateral ', '')}
    where base.typsubscript = 'array_subscript_handler'::regproc and base.typname not in ('int2vector', 'oidvector'))`;

export interface TypeCatalog {
  type: string;
  collation: string | null;
  deterministic: boolean;
  labels: string[] | null;
  composite: boolean;
  element: { type: string; labels: string[] | null } | null;
}

export function typeDetail({
  type,
  collation,
  deterministic,
  labels,
  composite,
  element,
}: TypeCatalog): ColumnTypeDetail {
  const detail = (name: string, itsLabels: string[] | null): ColumnTypeDetail => ({
    type: name,
    ...(collation === null ? {} : { collation }),
    deterministic,
    ...(itsLabels ? { labels: itsLabels } : {}),
  });
  if (composite) return { ...detail(type, labels), composite };
  return { ...detail(type, labels), ...(element ? { element: detail(element.type, element.labels) } : {}) };
}

/** Needs BASE_TYPE, and an empty search path, so that types print with their schema. */
export const COLUMN_CATALOG = `json_build_object(
  'cast', format_type(base.oid, -1),
  'carrier', case when base.typarray <> 0 and exists (select from pg_cast k where k.castsource = 'text'::regtype
      and k.casttarget = base.oid and k.castmethod = 'f') then format_type(base.oid, -1) else 'text' end,
  'collation', case when a.attcollation <> base.typcollation then ${collationName('a.attcollation')} end,
  'nameable', has_schema_privilege(base.typnamespace, 'usage') and (a.attcollation = base.typcollation or coalesce(
    (select has_schema_privilege(l.collnamespace, 'usage') from pg_collation l where l.oid = a.attcollation), true)),
  'generation', (select json_build_object('expression', pg_get_expr(d.adbin, d.adrelid), 'tree', d.adbin::text,
      'collation', ${collationName('a.attcollation')})
    from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated <> ''))`;

export interface RowReads {
  /** pg_attribute.attnum; those of system columns are below 0. */
  numbers: ReadonlySet<number>;
  whole: boolean;
}

/** Nodes of an expression. A larger one counts as reading every column. */
const MAX_NODES = 100_000;

/** Returns undefined where the tree (a pg_node_tree over one table, apart from subqueries) is not understood. */
export function rowReads(tree: string): RowReads | undefined {
  const numbers = new Set<number>();
  const parsed = parseNodeText(tree);
  if (parsed === undefined) return undefined;
  let nodes = 0;
  let understood = true;
  const visit = (value: NodeValue, queries: number): void => {
    nodes += 1;
    if (nodes > MAX_NODES) understood = false;
    if (!understood || value === null || typeof value === 'string' || 'bytes' in value) return;
    if (!isNode(value)) {
      for (const item of value as readonly NodeValue[]) visit(item, queries);
      return;
    }
    // Inside subqueries, varlevelsup counts the levels up to the query of the table.
    if (value.tag === 'VAR' && number(value, 'varlevelsup') === queries) {
      const column = number(value, 'varattno');
      if (column === undefined) understood = false;
      else numbers.add(column);
    }
    const inner = value.tag === 'QUERY' ? queries + 1 : queries;
    for (const field of value.fields.values()) visit(field, inner);
  };
  visit(parsed, 0);
  return understood ? { numbers: new Set([...numbers].filter((n) => n !== 0)), whole: numbers.has(0) } : undefined;
}
