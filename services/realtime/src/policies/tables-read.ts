/** Finds the tables that policies read, and the rows that can matter: all, where a condition is not understood. */
import { tableKey } from '@tidemark/contracts';
import { type ComparableColumn, type RequiredEquality, requiredEqualities } from './claim-equality.ts';
import { type Expression, partsOf } from './expression.ts';
import { Builder, EQUAL, type Scope } from './from-tree.ts';
import { isNode, type Node, type NodeValue, number, parseNodeText } from './node-text.ts';
import { columnOf, conditionsOf } from './query-conditions.ts';
import type { ReadRelation, ReadSource, TablesReadCatalog } from './tables-read-catalog.ts';

export interface ReadTable {
  oid: number;
  /** `tableKey(schema, table)` */
  key: string;
  schema: string;
  table: string;
}

export interface TableRead {
  schema: string;
  table: string;
  published: readonly ReadTable[];
  /** Relations whose changes only Postgres's statistics show. */
  counted: readonly ReadTable[];
  columns: readonly ComparableColumn[];
  /** A relevant row meets one of these; undefined where any row may matter. */
  equalities: readonly RequiredEquality[] | undefined;
  /** Only an update of one of these columns matters. */
  names: readonly string[];
}

export interface TablesRead {
  tables: readonly TableRead[];
  /** Visibility may also change without a change of a table: by the time, another language, or dynamic SQL. */
  isOpen: boolean;
}

export const NO_TABLES_READ: TablesRead = { tables: [], isOpen: false };

const MAX_INLINED = 200;
const MAX_CALLS = 8;
/** Kinds of relations with rows of their own: tables, materialized views. */
const STORED = new Set(['r', 'm']);

export function tablesRead(catalog: TablesReadCatalog): TablesRead {
  if (catalog.sources.length === 0) return NO_TABLES_READ;
  const walk = new Walk(catalog);
  const isKnown = walk.all();
  const names = columnNames(catalog, walk.columns);
  const relations = new Map(catalog.relations.map((relation) => [relation.oid, relation]));
  const tables: TableRead[] = [];
  for (const oid of new Set(catalog.edges.filter(([, , to]) => to === 'r').map(([, , , oid]) => oid))) {
    const relation = relations.get(oid);
    if (!relation || relation.kind === 'v') continue;
    const { published, counted } = stored(relation, catalog, relations);
    if (published.length + counted.length === 0) continue;
    const equalities = isKnown ? walk.equalities.get(oid) : undefined;
    tables.push({
      schema: relation.schema,
      table: relation.name,
      published,
      counted,
      columns: relation.columns ?? [],
      equalities,
      names: names(relation),
    });
  }
  return { tables, isOpen: catalog.opaque || catalog.timed || !isKnown };
}

function stored(top: ReadRelation, { edges }: TablesReadCatalog, relations: ReadonlyMap<number, ReadRelation>) {
  const published: ReadTable[] = [];
  const counted: ReadTable[] = [];
  const add = (relation: ReadRelation, isCovered: boolean) => {
    const { oid, schema, name } = relation;
    const table = { oid, key: tableKey(schema, name), schema, table: name };
    if (relation.published) published.push(table);
    else if (!isCovered && STORED.has(relation.kind)) counted.push(table);
    for (const [, of, to, child] of edges) {
      const found = to === 'c' && of === oid ? relations.get(child) : undefined;
      // Where a partitioned table is published, changes of its partitions have its name.
      if (found) add(found, isCovered || (relation.published && relation.kind === 'p'));
    }
  };
  add(top, false);
  return { published, counted };
}

/** A number or name in a text counts anywhere: too many do no harm. A whole row (0) counts as all columns. */
function columnNames(
  { sources }: TablesReadCatalog,
  numbers: ReadonlySet<number>,
): (relation: ReadRelation) => string[] {
  const words = new Set<string>();
  let isAll = [...numbers].some((column) => column <= 0);
  for (const { text } of sources) {
    if (text !== null && /[*"]/.test(text)) isAll = true;
    for (const [word] of text?.matchAll(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? []) words.add(word.toLowerCase());
  }
  return ({ columns }) =>
    (columns ?? [])
      .filter((column) => isAll || numbers.has(column.number) || words.has(column.name.toLowerCase()))
      .map(({ name }) => name);
}

class Walk {
  readonly equalities = new Map<number, RequiredEquality[] | undefined>();
  readonly columns = new Set<number>();
  #catalog: TablesReadCatalog;
  #builder: Builder;
  #functions: ReadonlyMap<number, ReadSource>;
  #called = new Set<number>();
  #inlined = 0;

  constructor(catalog: TablesReadCatalog) {
    this.#catalog = catalog;
    this.#builder = new Builder(catalog.functions);
    this.#functions = new Map(catalog.sources.filter(({ kind }) => kind === 'f').map((source) => [source.oid, source]));
  }

  /** False where a tree could not be parsed. */
  all(): boolean {
    const outside: Scope = { levels: Number.POSITIVE_INFINITY, calls: 0, arguments: undefined };
    for (const { kind, tree } of this.#catalog.sources) {
      if (tree === null || kind === 'f') continue;
      const value = parseNodeText(tree);
      if (value === undefined) return false;
      // In a policy, columns of its own table belong to no enclosing query.
      this.#visit(value, kind === 'p' ? { ...outside, levels: 0 } : outside);
    }
    for (const source of this.#functions.values()) {
      if (source.tree === null) this.#readsAll(source);
      else if (!this.#called.has(source.oid)) {
        const value = parseNodeText(source.tree);
        if (value === undefined) return false;
        this.#visit(value, outside);
      }
    }
    return !this.#builder.exhausted;
  }

  #visit(value: NodeValue, scope: Scope): void {
    if (Array.isArray(value)) for (const item of value) this.#visit(item, scope);
    if (!isNode(value)) return;
    if (value.tag === 'VAR') this.columns.add(number(value, 'varattno') ?? 0);
    if (value.tag === 'FUNCEXPR') this.#call(value, scope);
    const inside = value.tag === 'QUERY' ? { ...scope, levels: scope.levels + 1 } : scope;
    if (value.tag === 'QUERY') this.#query(value, inside);
    for (const [name, part] of value.fields) {
      if (name !== 'joinaliasvars' || !isPlainJoin(value)) this.#visit(part, inside);
    }
  }

  #call(node: Node, scope: Scope): void {
    const oid = number(node, 'funcid') as number;
    const tree = this.#functions.get(oid)?.tree;
    if (!tree || scope.calls >= MAX_CALLS || this.#inlined >= MAX_INLINED) return;
    const body = parseNodeText(tree);
    if (body === undefined) return;
    this.#inlined += 1;
    this.#called.add(oid);
    const args = node.fields.get('args');
    const nodes = Array.isArray(args) ? args : [];
    this.#visit(body, { levels: Number.POSITIVE_INFINITY, calls: scope.calls + 1, arguments: { nodes, scope } });
  }

  #query(query: Node, scope: Scope): void {
    const conditions = conditionsOf(query.fields.get('jointree'));
    const range = query.fields.get('rtable');
    for (const [index, entry] of (Array.isArray(range) ? range : []).entries()) {
      if (!isNode(entry) || entry.fields.get('rtekind') !== '0') continue;
      this.#add(number(entry, 'relid') as number, this.#requiredEqualities(conditions, index + 1, scope));
    }
  }

  #add(relation: number, equalities: readonly RequiredEquality[] | undefined): void {
    const before = this.equalities.has(relation) ? this.equalities.get(relation) : [];
    this.equalities.set(relation, before && equalities ? [...before, ...equalities] : undefined);
  }

  /** Finds `<column of this entry> = <value of claims or constants>` among conditions that all must hold. */
  #requiredEqualities(
    conditions: readonly Node[],
    entry: number,
    scope: Scope,
  ): readonly RequiredEquality[] | undefined {
    for (const condition of conditions) {
      const args = condition.fields.get('args');
      if (condition.tag !== 'OPEXPR' || !EQUAL.has(number(condition, 'opno') ?? 0) || !Array.isArray(args)) continue;
      const collation = number(condition, 'inputcollid') ?? 0;
      for (const [side, other] of [args, [...args].reverse()] as const) {
        const left = columnOf(side, entry);
        const right = left && this.#builder.build(other, scope);
        if (!left || !right || !isOfClaims(right)) continue;
        const equalities = requiredEqualities({ kind: 'equal', left, right, collation });
        if (equalities) return equalities;
      }
    }
    return undefined;
  }

  /** Counts all rows of the tables that a function's text names, directly or through others. */
  #readsAll(from: ReadSource): void {
    const seen = new Set<string>();
    const follow = (kind: string, oid: number) => {
      if (seen.has(`${kind}${oid}`)) return;
      seen.add(`${kind}${oid}`);
      if (kind === 'r') this.equalities.set(oid, undefined);
      for (const [of, ofOid, to, next] of this.#catalog.edges) if (of === kind && ofOid === oid) follow(to, next);
    };
    follow('f', from.oid);
  }
}

/** A join without an alias or merged columns lists all columns, and nothing refers to it. */
const isPlainJoin = ({ fields }: Node): boolean => fields.get('alias') === null && fields.get('joinmergedcols') === '0';

/** Returns whether the expression depends only on claims and constants, in ways that can be evaluated here. */
function isOfClaims(expression: Expression): boolean {
  const { kind } = expression;
  if (kind === 'setting' || kind === 'constant') return true;
  const isUnderstood = kind === 'member' || kind === 'cast' || kind === 'nullif' || kind === 'coalesce';
  return isUnderstood && partsOf(expression).every(isOfClaims);
}
