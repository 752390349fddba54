/**
 * The columns of tables that a view shows, read from its outermost target list. Postgres notes there where a column
 * comes from (resorigtbl, resorigcol), also through joins, subqueries and CTEs; a column of a UNION or an expression
 * comes from nowhere. Target lists of subqueries are about other columns.
 */
import { arrayLiteral, type Pool, type Row } from '@tidemark/db';
import { listNodes, nodeFields, valueAt } from './node-tree.ts';
import type { ViewColumnRow } from './relationships.ts';
import { TABLE_KEYS, VIEW_COLUMN_NAMES, VIEW_TREES } from './statements.ts';

export interface ViewTree {
  /** Text of the number. */
  readonly oid: string;
  readonly tree: string;
}

interface Origin {
  readonly source: string;
  readonly column: number;
}

export interface ViewFacts {
  /** The keys are the numbers of the view's columns. */
  readonly origins: ReadonlyMap<number, Origin>;
  /** The only relation that the view reads, of which it has each row at most once; undefined for any other view. */
  readonly rowsOf: string | undefined;
}

export interface ViewColumns {
  readonly columns: readonly ViewColumnRow[];
  /** The table of which a view has each row at most once, by the oid of the view. */
  readonly rowsOf: ReadonlyMap<string, string>;
  /** Keys by the oid of their table. */
  readonly keys: ReadonlyMap<string, TableKey>;
}

export interface TableKey {
  readonly oid: string;
  readonly primary_key: readonly string[];
  readonly has_children: boolean;
}

/** Views on views on …; a longer chain has no origin. */
const MAX_DEPTH = 32;

export async function readViewColumns(pool: Pool, exposed: readonly string[]): Promise<ViewColumns> {
  const trees = await pool.query<{ oid: string; tree: string }>(VIEW_TREES);
  const views = new Map(trees.map((view) => [view.oid, viewFacts(view)]));
  const found: [string, number, string, number][] = [];
  for (const [view, { origins }] of views) {
    for (const [column, origin] of origins) {
      const table = tableColumn(views, origin);
      if (table !== undefined) found.push([view, column, table.source, table.column]);
    }
  }
  const list = (at: 0 | 1 | 2 | 3) => arrayLiteral(found.map((row) => row[at]));
  const columns = await pool.query<ViewColumnRow>(VIEW_COLUMN_NAMES, [
    arrayLiteral([...exposed]),
    list(0),
    list(1),
    list(2),
    list(3),
  ]);
  const tables = arrayLiteral([...new Set(found.map(([, , table]) => table))]);
  const keys = await pool.query<TableKey & Row>(TABLE_KEYS, [tables]);
  const rowsOf = new Map<string, string>();
  for (const view of views.keys()) {
    const table = rowsTable(views, view);
    if (table !== undefined) rowsOf.set(view, table);
  }
  return { columns, rowsOf, keys: new Map(keys.map((key) => [key.oid, key])) };
}

function tableColumn(views: ReadonlyMap<string, ViewFacts>, origin: Origin): Origin | undefined {
  let at: Origin | undefined = origin;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const view: ViewFacts | undefined = at && views.get(at.source);
    if (at === undefined || view === undefined) return at;
    at = view.origins.get(at.column);
  }
  return undefined;
}

function rowsTable(views: ReadonlyMap<string, ViewFacts>, view: string): string | undefined {
  let at: string | undefined = view;
  for (let depth = 0; depth < MAX_DEPTH && at !== undefined; depth += 1) {
    const facts = views.get(at);
    if (facts === undefined) return at;
    at = facts.rowsOf;
  }
  return undefined;
}

function viewFacts({ tree }: ViewTree): ViewFacts {
  const query = nodeFields(tree, tree.indexOf('{'));
  const origins = new Map<number, Origin>();
  for (const node of listNodes(tree, query.get('targetList'))) {
    const entry = nodeFields(tree, node);
    const source = valueAt(tree, entry.get('resorigtbl'));
    if (source === '0' || source === '' || valueAt(tree, entry.get('resjunk')) === 'true') continue;
    origins.set(Number(valueAt(tree, entry.get('resno'))), {
      source,
      column: Number(valueAt(tree, entry.get('resorigcol'))),
    });
  }
  return { origins, rowsOf: onlyRelation(tree, query) };
}

function onlyRelation(tree: string, query: ReturnType<typeof nodeFields>): string | undefined {
  const isPlain =
    valueAt(tree, query.get('setOperations')) === '<>' &&
    valueAt(tree, query.get('groupingSets')) === '<>' &&
    valueAt(tree, query.get('hasTargetSRFs')) === 'false';
  const jointree = query.get('jointree');
  if (!isPlain || jointree === undefined) return undefined;
  const from = nodeFields(tree, jointree.from).get('fromlist');
  const [only, ...more] = listNodes(tree, from);
  if (only === undefined || more.length > 0 || !tree.startsWith('{RANGETBLREF ', only)) return undefined;
  const index = Number(valueAt(tree, nodeFields(tree, only).get('rtindex')));
  const entry = listNodes(tree, query.get('rtable'))[index - 1];
  if (entry === undefined) return undefined;
  const relation = nodeFields(tree, entry);
  const isRelation = valueAt(tree, relation.get('rtekind')) === '0';
  return isRelation ? valueAt(tree, relation.get('relid')) : undefined;
}
