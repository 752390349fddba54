import { LIVE_QUERY_BYTES, tableKey } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import {
  type ColumnTypeDetail,
  type Condition,
  canonical,
  type EqualityColumn,
  equalityKey,
  type OrderTerm,
  parseQuery,
  type Query,
} from '@tidemark/query';
import { errors, postgresErrors } from '../errors.ts';
import type { ColumnFacts, TableFacts } from '../tables/table-facts.ts';
import { planFilter } from './plan-filter.ts';
import { columnsOf, type RowFilter } from './row-filter.ts';

export interface SelectedColumn {
  column: string;
  /** The name in the client's rows. */
  as: string;
}

export interface WindowPlan {
  order: readonly OrderTerm[];
  limit: number;
  offset: number;
}

export interface LivePlan {
  facts: TableFacts;
  /** Queries with equal texts have equal results. */
  canonical: string;
  select: readonly SelectedColumn[];
  /** The columns of the table's key, by their names in the client's rows. */
  key: readonly string[];
  where: readonly Condition[];
  filter: RowFilter;
  /** The role whose rights the query was planned with. */
  role: string;
  columns: readonly string[];
  equality: readonly EqualityColumn[];
  types: Readonly<Record<string, ColumnTypeDetail>>;
  window: WindowPlan | undefined;
}

export interface LiveQuery {
  table: string;
  query: Query;
}

export function parseLiveQuery(text: string): LiveQuery {
  const bytes = Buffer.byteLength(text);
  if (bytes > LIVE_QUERY_BYTES) throw errors.QUERY_TOO_LONG({ bytes, limit: LIVE_QUERY_BYTES });
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const table = decode(path.replace(/^\/+/, ''));
  if (table === '' || table.includes('/'))
    throw errors.QUERY_UNSUPPORTED({ what: `"${path.slice(0, 100)}", which is not the name of a table,` });
  const query = parseQuery(mark < 0 ? '' : text.slice(mark + 1));
  if (query.after !== null) throw errors.QUERY_UNSUPPORTED({ what: 'a page (after=)' });
  if (query.columns || query.onConflict)
    throw errors.QUERY_UNSUPPORTED({ what: 'a parameter for writes (columns, on_conflict)' });
  return { table, query };
}

export function planLiveQuery(query: Query, facts: TableFacts, identity: Identity, maxWindowRows: number): LivePlan {
  const byName = new Map(facts.columns.map((column) => [column.name, column]));
  const column = (name: string) => checkColumn(byName.get(name), name, facts, identity);
  const select = query.select.flatMap((node): SelectedColumn[] => {
    if (node.kind === 'star') {
      return facts.columns.map(({ name }) => ({ column: column(name).name, as: name }));
    }
    if (node.kind === 'embed') throw errors.QUERY_UNSUPPORTED({ what: `the embedded table "${node.name}"` });
    if (node.kind === 'count' || node.aggregate !== null) throw errors.QUERY_UNSUPPORTED({ what: 'an aggregate' });
    const { name, json } = node.field;
    if (json.length > 0) throw errors.QUERY_UNSUPPORTED({ what: `a path into the JSON of "${name}"` });
    if (node.cast !== null) throw errors.QUERY_UNSUPPORTED({ what: `a cast of "${name}"` });
    return [{ column: column(name).name, as: node.alias ?? name }];
  });
  const selected = new Set(select.map((entry) => entry.column));
  if (!facts.key.every((name) => selected.has(name))) throw errors.KEY_NOT_SELECTED({ columns: facts.key.join(', ') });
  const ambiguous = facts.key.find((name) => isAmbiguous(byName.get(name)));
  if (ambiguous !== undefined) {
    throw errors.KEY_AMBIGUOUS({ schema: facts.schema, table: facts.table, column: ambiguous });
  }
  if (facts.policy !== undefined && !facts.oldRows) {
    throw errors.OLD_ROWS_NEEDED({ schema: facts.schema, table: facts.table });
  }

  const types = Object.fromEntries(facts.columns.map(({ name, type }) => [name, type]));
  for (const name of columnsOf(query.where)) column(name);
  const filter = planFilter(tableKey(facts.schema, facts.table), query.where, types);
  const window = planWindow(query, facts, maxWindowRows);
  for (const { field } of window?.order ?? []) column(field.name);
  return {
    facts,
    canonical: canonical(query),
    select,
    key: facts.key.map((name) => select.find((entry) => entry.column === name)?.as ?? name),
    where: query.where,
    filter,
    role: identity.role,
    columns: [...new Set([...selected, ...filter.columns])],
    equality: equalityKey(query.where),
    types,
    window,
  };
}

/** The JSON of an array lacks its lower bounds, and that of a row those of its arrays and its kinds of null. */
const isAmbiguous = (column: ColumnFacts | undefined) =>
  column?.type.element !== undefined || column?.type.composite === true;

function planWindow(
  { order, limit, offset }: Query,
  { table, key }: TableFacts,
  maxRows: number,
): WindowPlan | undefined {
  if (limit === null) {
    if (order.length > 0) throw errors.WINDOW_NEEDS_LIMIT({ what: 'order', limit: maxRows });
    if (offset > 0) throw errors.WINDOW_NEEDS_LIMIT({ what: 'offset', limit: maxRows });
    return undefined;
  }
  if (key.length === 0) throw errors.WINDOW_NEEDS_KEY({ table });
  if (limit + offset > maxRows) throw errors.WINDOW_TOO_LARGE({ rows: limit + offset, limit: maxRows });
  for (const { field, related } of order) {
    if (related !== null) throw errors.QUERY_UNSUPPORTED({ what: `order by the embedded table "${related}"` });
    if (field.json.length > 0) throw errors.QUERY_UNSUPPORTED({ what: `order by a path into "${field.name}"` });
  }
  return { order, limit, offset };
}

function checkColumn(
  column: ColumnFacts | undefined,
  name: string,
  { schema, table }: TableFacts,
  { role }: Identity,
): ColumnFacts {
  if (!column) throw errors.COLUMN_UNKNOWN({ column: name, table });
  if (!column.readable) throw postgresErrors['42501']({ schema, table, role, column: name });
  if (!column.published) throw errors.QUERY_UNSUPPORTED({ what: `the column "${name}", which is not published,` });
  return column;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw errors.QUERY_UNSUPPORTED({ what: `"${text.slice(0, 100)}", which is not percent-encoded text,` });
  }
}
