/** A table of Postgres as its catalog describes it. */
import type { Row, Rows } from '@tidemark/db';

export type Kind =
  | 'bool'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'float32'
  | 'float64'
  | 'decimal'
  | 'uuid'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'json'
  /** Any other type, by Postgres's text. */
  | 'text';

export interface SourceColumn {
  readonly name: string;
  /** Postgres's number of the column, which a new name does not change. */
  readonly number: number;
  readonly kind: Kind;
  readonly isArray: boolean;
  readonly precision: number;
  readonly scale: number;
  /** The full name of the type, with its modifiers. */
  readonly type: string;
  /** ADD COLUMN may have given older rows a value, of which the stream has no change: a default, or a generated value. */
  readonly isFilled: boolean;
}

export interface SourceTable {
  readonly schema: string;
  readonly table: string;
  readonly oid: string;
  readonly isPublished: boolean;
  /** The table's entry in the publication: another one tells that changes may be missing. NULL: it is published with its schema, or all tables. */
  readonly publication: string | null;
  readonly columns: readonly SourceColumn[];
  readonly key: readonly string[];
}

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [16, 'bool'],
  [21, 'int16'],
  [23, 'int32'],
  [20, 'int64'],
  [26, 'uint32'],
  [700, 'float32'],
  [701, 'float64'],
  [1700, 'decimal'],
  [2950, 'uuid'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [114, 'json'],
  [3802, 'json'],
]);

const TABLE = `
select c.oid::text as oid, exists (
  select from pg_publication_tables p where p.pubname = $3 and p.schemaname = n.nspname and p.tablename = c.relname
) as "isPublished", (
  select r.oid::text from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
  where p.pubname = $3 and r.prrelid = c.oid
) as publication
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')`;

/** A domain counts as its base type. int2vector and oidvector (22, 30) are arrays without the text form of arrays. */
const COLUMNS = `
with recursive base (attnum, type, modifier) as (
  select attnum, atttypid, atttypmod from pg_attribute where attrelid = $1::oid and attnum > 0 and not attisdropped
  union all
  select b.attnum, t.typbasetype, t.typtypmod from base b join pg_type t on t.oid = b.type where t.typtype = 'd'
)
select a.attname as name, a.attnum::int as number, format_type(a.atttypid, a.atttypmod) as type,
  (a.atthasdef or a.atthasmissing or a.attidentity <> '') as "isFilled", b.modifier::int as modifier,
  (case when is_array then t.typelem else t.oid end)::int8::text as base, is_array as "isArray"
from base b join pg_type t on t.oid = b.type and t.typtype <> 'd'
join pg_attribute a on a.attrelid = $1::oid and a.attnum = b.attnum
cross join lateral (
  select t.typsubscript = 'array_subscript_handler'::regproc and t.typelem <> 0 and t.oid not in (22, 30)
) as of (is_array)
order by a.attnum`;

/** The same key as that of the envelopes: the index of the replica identity, else the primary key. */
const KEY = `
select a.attname as name
from pg_class c join pg_index i on i.indrelid = c.oid
cross join unnest(i.indkey) with ordinality as k (attnum, n)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where c.oid = $1::oid and k.n <= i.indnkeyatts
  and case when c.relreplident = 'i' then i.indisreplident else i.indisprimary end
order by k.n`;

export type Ask = <R extends Row>(text: string, params?: readonly string[]) => Promise<Rows<R>>;

interface ColumnRow {
  name: string;
  number: number;
  type: string;
  isFilled: boolean;
  modifier: number;
  base: string;
  isArray: boolean;
}

/** Returns undefined where there is no such table. */
export async function readSourceTable(
  ask: Ask,
  { schema, table }: TableName,
  publication: string,
): Promise<SourceTable | undefined> {
  const [found] = await ask<{ oid: string; isPublished: boolean; publication: string | null }>(TABLE, [
    schema,
    table,
    publication,
  ]);
  if (!found) return undefined;
  const columns = await ask<ColumnRow>(COLUMNS, [found.oid]);
  const key = await ask<{ name: string }>(KEY, [found.oid]);
  return { schema, table, ...found, columns: columns.map(columnOf), key: key.map(({ name }) => name) };
}

function columnOf({ modifier, base, ...column }: ColumnRow): SourceColumn {
  const kind = KINDS.get(Number(base)) ?? 'text';
  // Numeric without a precision has any number of digits, which only a text holds.
  if (kind !== 'decimal' || modifier < 4)
    return { ...column, kind: kind === 'decimal' ? 'text' : kind, precision: 0, scale: 0 };
  const packed = modifier - 4;
  // The scale has 11 bits with a sign since Postgres 15.
  const scale = ((packed & 2_047) ^ 1_024) - 1_024;
  const precision = (packed >> 16) & 65_535;
  const fits = precision <= 38 && scale >= 0 && scale <= precision;
  return { ...column, kind: fits ? kind : 'text', precision, scale };
}

/** Both give the same rows with the same columns of ClickHouse. */
export function isSameTable(a: SourceTable, b: SourceTable): boolean {
  return hasSameRows(a, b) && describe(a.columns) === describe(b.columns);
}

const hasSameRows = (a: SourceTable, b: SourceTable) =>
  a.oid === b.oid && a.publication === b.publication && a.key.join('\0') === b.key.join('\0');

const describe = (columns: readonly SourceColumn[]) =>
  columns.map(({ number, name, type }) => `${number} ${name} ${type}`).join('\0');

export interface Alteration {
  added: readonly SourceColumn[];
  dropped: readonly SourceColumn[];
}

/** Returns undefined where existing rows may have changed: only a new snapshot has them. */
export function alterationOf(from: SourceTable, to: SourceTable): Alteration | undefined {
  if (!hasSameRows(from, to)) return undefined;
  const numbers = (columns: readonly SourceColumn[]) => new Map(columns.map((column) => [column.number, column]));
  const [before, after] = [numbers(from.columns), numbers(to.columns)];
  const kept = to.columns.filter(({ number }) => before.has(number));
  const isKept = kept.every((column) => describe([column]) === describe([before.get(column.number) as SourceColumn]));
  const added = to.columns.filter(({ number }) => !before.has(number));
  const dropped = from.columns.filter(({ number }) => !after.has(number));
  if (!isKept || added.some(({ isFilled }) => isFilled)) return undefined;
  // A dropped and an added column of one name are two columns, and ClickHouse would take them for one.
  if (added.some(({ name }) => dropped.some((column) => column.name === name))) return undefined;
  return { added, dropped };
}
