/** Foreign keys are also seen through views. */
import {
  type ColumnPair,
  type JunctionRelationship,
  type KeyRelationship,
  type Relation,
  type RelationRef,
  type Relationship,
  refKey,
} from './catalog.ts';

export interface ForeignKeyRow {
  constraint: string;
  from_schema: string;
  from_name: string;
  to_schema: string;
  to_name: string;
  columns: ColumnPair[];
  is_unique: boolean;
  from_primary_key: string[];
}

export interface ViewColumnRow {
  view_schema: string;
  view_name: string;
  view_column: string;
  table_oid: string;
  table_schema: string;
  table_name: string;
  table_column: string;
}

export interface RowFunction {
  function: RelationRef;
  from: RelationRef;
  to: RelationRef;
  toOne: boolean;
}

/** A foreign key between two relations that clients can name: tables, or views that show the columns of the key. */
interface Key {
  constraint: string;
  from: RelationRef;
  to: RelationRef;
  columns: readonly ColumnPair[];
  unique: boolean;
  inPrimaryKey: boolean;
}

export function findRelationships(
  keyRows: readonly ForeignKeyRow[],
  viewColumns: readonly ViewColumnRow[],
  rowFunctions: readonly RowFunction[],
  relations: ReadonlyMap<string, Relation>,
): Map<string, Relationship[]> {
  const views = groupViewColumns(viewColumns);
  const keys = keyRows.flatMap((row) => keysOf(row, views));
  const found = new Map<string, Relationship[]>();
  const add = (relationship: Relationship) => {
    if (!relations.has(refKey(relationship.from)) || !relations.has(refKey(relationship.to))) return;
    // A role seldom has a right to a table that is not exposed, and the answer would name it.
    if (relationship.kind === 'junction' && !relations.has(refKey(relationship.junction))) return;
    const list = found.get(refKey(relationship.from));
    if (list) list.push(Object.freeze(relationship));
    else found.set(refKey(relationship.from), [Object.freeze(relationship)]);
  };
  for (const key of keys) for (const relationship of bothWays(key)) add(relationship);
  for (const relationship of junctions(keys)) add(relationship);
  for (const computed of rowFunctions) add({ kind: 'computed', ...computed });
  return found;
}

function bothWays(key: Key): [KeyRelationship, KeyRelationship] {
  const { constraint, from, to, columns, unique } = key;
  const reversed = columns.map((pair) => ({ from: pair.to, to: pair.from }));
  return [
    { kind: 'key', from, to, toOne: true, constraint, columns, referencing: true },
    { kind: 'key', from: to, to: from, toOne: unique, constraint, columns: reversed, referencing: false },
  ];
}

function junctions(keys: readonly Key[]): JunctionRelationship[] {
  const byTable = new Map<string, Key[]>();
  for (const key of keys) {
    if (!key.inPrimaryKey) continue;
    const list = byTable.get(refKey(key.from));
    if (list) list.push(key);
    else byTable.set(refKey(key.from), [key]);
  }
  const found: JunctionRelationship[] = [];
  for (const list of byTable.values()) {
    for (const near of list) {
      for (const far of list) {
        if (near.constraint === far.constraint) continue;
        found.push({
          kind: 'junction',
          from: near.to,
          to: far.to,
          toOne: false,
          junction: near.from,
          near: {
            constraint: near.constraint,
            columns: near.columns.map((pair) => ({ from: pair.to, to: pair.from })),
          },
          far: { constraint: far.constraint, columns: far.columns },
        });
      }
    }
  }
  return found;
}

/** Returns, for each table, the views that show it, with the names that each of its columns has there. */
type ViewColumns = Map<string, { view: RelationRef; columns: Map<string, string[]> }[]>;

function groupViewColumns(rows: readonly ViewColumnRow[]): ViewColumns {
  const byTable: ViewColumns = new Map();
  for (const row of rows) {
    const table = refKey({ schema: row.table_schema, name: row.table_name });
    const views = byTable.get(table) ?? [];
    byTable.set(table, views);
    let entry = views.find(({ view }) => view.schema === row.view_schema && view.name === row.view_name);
    if (!entry) {
      entry = { view: { schema: row.view_schema, name: row.view_name }, columns: new Map() };
      views.push(entry);
    }
    const names = entry.columns.get(row.table_column);
    if (names) names.push(row.view_column);
    else entry.columns.set(row.table_column, [row.view_column]);
  }
  return byTable;
}

/** Returns the key itself, and the key through each view that shows all columns of one of its ends. */
function keysOf(row: ForeignKeyRow, views: ViewColumns): Key[] {
  const table: RelationRef = { schema: row.from_schema, name: row.from_name };
  const target: RelationRef = { schema: row.to_schema, name: row.to_name };
  const own = (column: string): readonly string[] => [column];
  const froms = [{ ref: table, names: own }, ...renamings(table, views)];
  const tos = [{ ref: target, names: own }, ...renamings(target, views)];
  const inPrimaryKey =
    row.from_primary_key.length > 0 && row.columns.every((pair) => row.from_primary_key.includes(pair.from));
  const keys: Key[] = [];
  for (const from of froms) {
    for (const to of tos) {
      for (const columns of combinations(row.columns, from.names, to.names)) {
        keys.push({
          constraint: row.constraint,
          from: from.ref,
          to: to.ref,
          columns,
          unique: row.is_unique,
          inPrimaryKey,
        });
      }
    }
  }
  return keys;
}

function renamings(table: RelationRef, views: ViewColumns) {
  return (views.get(refKey(table)) ?? []).map(({ view, columns }) => ({
    ref: view,
    names: (column: string): readonly string[] => columns.get(column) ?? [],
  }));
}

/** A view may show a column under several names; each set of names for the whole key is a relationship of its own. */
function combinations(
  pairs: readonly ColumnPair[],
  fromNames: (column: string) => readonly string[],
  toNames: (column: string) => readonly string[],
): readonly (readonly ColumnPair[])[] {
  let found: (readonly ColumnPair[])[] = [[]];
  for (const pair of pairs) {
    const options = fromNames(pair.from).flatMap((from) => toNames(pair.to).map((to) => ({ from, to })));
    found = found.flatMap((before) => options.map((option) => [...before, option])).slice(0, MAX_COMBINATIONS);
  }
  return found;
}

/** A view that shows each of two columns under four names has as many. */
const MAX_COMBINATIONS = 16;
