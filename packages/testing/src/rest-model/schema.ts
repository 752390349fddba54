/** Random schemas: odd names, views, keys, generated columns and policies, with their data as SQL. */
import { type Random, seeded } from './random.ts';

export type ColumnKind = 'int' | 'numeric' | 'text' | 'bool' | 'json';

export interface ModelColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** A generated column cannot be written. */
  readonly generated: boolean;
}

export interface ModelTable {
  readonly name: string;
  /** The table that has the rows: itself, unless it is a view. */
  readonly key: string;
  readonly columns: readonly ModelColumn[];
  readonly isView: boolean;
}

/** `child.column` references `parent.key`. */
export interface ModelReference {
  readonly constraint: string;
  readonly child: string;
  readonly column: string;
  readonly parent: string;
}

export interface ModelSchema {
  readonly tables: readonly ModelTable[];
  readonly references: readonly ModelReference[];
  readonly sql: string;
}

/** They collide with names of SQL, of the grammar and of the planner, or have to be quoted in one of them. */
const TABLE_NAMES = [
  'select',
  'Häuser',
  'a b',
  'x.y',
  '_t',
  '_written',
  'count',
  'user-data',
  'c,d',
  "o'clock",
  'dev_1',
  'rpc',
];
const COLUMN_NAMES = [
  'id_1',
  '_new',
  'value',
  'Größe',
  'from',
  'two words',
  'a,b',
  'k:v',
  '(p)',
  '"q"',
  'x.y',
  '_k',
  'order_by',
  "it's",
  '100%',
  'a&b',
  'null',
  '_body',
];
const TEXTS = ['', 'a', 'ada', 'Ünï', 'a,b', '"q"', 'x(y)', "it's", '50%', 'a\\b', 'null', '*', 'a b'];

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string): string => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const SQL_TYPES: Readonly<Record<ColumnKind, string>> = {
  int: 'bigint',
  numeric: 'numeric',
  text: 'text',
  bool: 'boolean',
  json: 'jsonb',
};

const ROWS = 12;

/** Rows of the tables belong to `u0` and `u1`, and policies show each of them its own and those of nobody. */
export function makeSchema(seed: number, schema: string, role: string): ModelSchema {
  const random = seeded(seed);
  const names = random.some(TABLE_NAMES, 4, 5);
  const tables: ModelTable[] = [];
  const references: ModelReference[] = [];
  const sql: string[] = [
    `create schema if not exists ${quoted(schema)}; grant usage on schema ${quoted(schema)} to ${role};`,
  ];
  const of = (name: string) => `${quoted(schema)}.${quoted(name)}`;
  for (const [index, name] of names.entries()) {
    const [key = 'id', ...others] = random.some(COLUMN_NAMES, 5, 7);
    const columns: ModelColumn[] = [
      { name: key, kind: 'int', generated: false },
      ...others.map((column) => ({
        name: column,
        kind: random.pick(['int', 'numeric', 'text', 'bool', 'json'] as const),
        generated: false,
      })),
      { name: 'owner', kind: 'text', generated: false },
    ];
    const parents = tables.filter(({ isView }) => !isView);
    const parent = index > 0 ? random.pick(parents) : undefined;
    if (parent) {
      columns.push({ name: 'parent ref', kind: 'int', generated: false });
      references.push({ constraint: `${name} key`, child: name, column: 'parent ref', parent: parent.name });
    }
    if (random.chance(0.6)) columns.push({ name: 'twice', kind: 'int', generated: true });
    const table = { name, key, columns, isView: false };
    tables.push(table);
    sql.push(
      createTable(of, table, parent, references),
      insertRows(random, of, table, parent),
      policies(random, of, table, role),
    );
  }
  const shown = random.pick(tables);
  const view: ModelTable = { ...shown, name: 'view of it', isView: true };
  sql.push(
    `create view ${of(view.name)} with (security_invoker = true) as select * from ${of(shown.name)}; grant all on ${of(view.name)} to ${role};`,
  );
  return { tables: [...tables, view], references, sql: sql.join('\n') };
}

type Of = (name: string) => string;

function createTable(
  of: Of,
  table: ModelTable,
  parent: ModelTable | undefined,
  references: readonly ModelReference[],
): string {
  const columns = table.columns.map(({ name, kind, generated }) => {
    const generation = generated ? ` generated always as (${quoted(table.key)} * 2) stored` : '';
    return `${quoted(name)} ${SQL_TYPES[kind]}${name === table.key ? ' primary key' : ''}${generation}`;
  });
  const constraint = references.find(({ child }) => child === table.name);
  if (constraint && parent) {
    columns.push(
      `constraint ${quoted(constraint.constraint)} foreign key (${quoted(constraint.column)}) references ${of(parent.name)} (${quoted(parent.key)})`,
    );
  }
  return `create table ${of(table.name)} (${columns.join(', ')});`;
}

function insertRows(random: Random, of: Of, table: ModelTable, parent: ModelTable | undefined): string {
  const written = table.columns.filter(({ generated }) => !generated);
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const values = written.map((column) => {
      if (column.name === table.key) return String(row + 1);
      if (column.name === 'owner') return random.pick(["'u0'", "'u1'", 'null']);
      if (column.name === 'parent ref' && parent) return random.chance(0.2) ? 'null' : String(1 + random.below(ROWS));
      return valueSql(random, column.kind);
    });
    return `(${values.join(', ')})`;
  });
  return `insert into ${of(table.name)} (${written.map(({ name }) => quoted(name)).join(', ')}) values ${rows.join(', ')};`;
}

export function randomValue(random: Random, kind: ColumnKind): string {
  switch (kind) {
    case 'int':
      return random.chance(0.1) ? '9007199254740993' : String(random.below(6) - 2);
    case 'numeric':
      return random.pick(['0', '1.10', '-2.5', '123456789012345678.000000001']);
    case 'bool':
      return random.pick(['true', 'false']);
    case 'json':
      return random.pick(['{"a": 1, "b c": "x"}', '[1, 2.50]', '"t"', '{"a": null}']);
    case 'text':
      return random.pick(TEXTS);
  }
}

const valueSql = (random: Random, kind: ColumnKind): string =>
  random.chance(0.15) ? 'null' : literal(randomValue(random, kind));

function policies(random: Random, of: Of, table: ModelTable, role: string): string {
  const grants = `grant all on ${of(table.name)} to ${role};`;
  if (random.chance(0.3)) return grants;
  const sub = "current_setting('request.jwt.claims', true)::json ->> 'sub'";
  return `${grants} alter table ${of(table.name)} enable row level security;
create policy own on ${of(table.name)} using (owner is null or owner = ${sub}) with check (owner = ${sub});`;
}
