/** Plans how the columns of a relation become JSON, from the catalog, once for each Relation message. */
import type { Pool } from '@tidemark/db';
import { type JsonType, mayLoseText, TEXT } from './json-text.ts';
import type { Relation } from './pgoutput.ts';

const bool: JsonType = { kind: 'bool' };
const number: JsonType = { kind: 'number' };
const json: JsonType = { kind: 'json' };

/** Categories of built-in types, by their oids, which are the same in every Postgres. */
const BUILT_IN: ReadonlyMap<number, JsonType> = new Map([
  [16, bool],
  [20, number], // int8
  [21, number], // int2
  [23, number], // int4
  [700, number], // float4
  [701, number], // float8
  [1700, number], // numeric
  [114, json],
  [3802, json], // jsonb
  [1082, { kind: 'date' }],
  [1114, { kind: 'timestamp' }],
  [1184, { kind: 'timestamptz' }],
]);

/** int2vector and oidvector are arrays without the text form of arrays. */
const VECTORS: ReadonlySet<number> = new Set([22, 30]);

interface TypeRow {
  oid: number;
  name: string;
  base: number | null;
  element: number | null;
  delimiter: string | null;
  fields: { name: string; oid: number }[] | null;
  /** Whether to_jsonb uses a cast to json of the type, as for hstore and PostGIS. */
  casts: boolean;
}

const TYPES = `
with recursive wanted (oid) as (
  select unnest($1::oid[])
  union
  select part.oid from wanted w join pg_type t on t.oid = w.oid cross join lateral (
    select t.typbasetype where t.typtype = 'd'
    union all
    select t.typelem where t.typsubscript = 'array_subscript_handler'::regproc
    union all
    select a.atttypid from pg_attribute a
    where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) as part (oid)
)
select t.oid, format_type(t.oid, null) as name,
  case when t.typtype = 'd' then t.typbasetype end as base,
  case when t.typsubscript = 'array_subscript_handler'::regproc then t.typelem end as element,
  (select e.typdelim::text from pg_type e where e.oid = t.typelem) as delimiter,
  (select json_agg(json_build_object('name', a.attname, 'oid', a.atttypid::bigint) order by a.attnum)
   from pg_attribute a
   where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) as fields,
  t.oid >= 16384 and exists (
    select from pg_cast c where c.castsource = t.oid and c.casttarget = 'json'::regtype and c.castmethod = 'f'
  ) as casts
from wanted join pg_type t using (oid)`;

/** The catalog tells the key: under REPLICA IDENTITY FULL, the Relation message marks all columns, in table order. */
const KEY = `
select a.attname as name, i.indimmediate as immediate
from pg_index i cross join unnest(i.indkey) with ordinality as k (attnum, n)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = $1::oid and k.n <= i.indnkeyatts
  and case when $2 = 'i' then i.indisreplident else i.indisprimary end
order by k.n`;

export interface RelationPlan {
  relation: Relation;
  /** Columns of the replica identity's index, else of the primary key; may be empty. */
  key: readonly string[];
  /** Whether the key is deferrable, so that it is unique only at the commit. */
  isDeferrable: boolean;
  /** JSON text of the envelope's members schema, table, key and definition. */
  about: string;
  /** The text `"name":` of each column. */
  members: readonly string[];
  memberBytes: number;
  types: readonly JsonType[];
  /** Whether the JSON of a column's value may not determine its text, by column. */
  inexact: readonly boolean[];
  asked: readonly AskedColumn[];
  /** Whether values are always rendered the same: built-in types cannot be altered. */
  isStable: boolean;
  /** The catalog could not be read, so that no value can be rendered. */
  isUnknown?: true;
  /** Returns a plan in which Postgres renders arrays and rows, for a text that cannot be parsed here. */
  distrust(): RelationPlan;
}

export interface AskedColumn {
  index: number;
  type: string;
}

const FIRST_OF_USERS = 16_384;

/** `definition` is the version of the table's definition that the catalog has reached at least. */
export async function planRelation(pool: Pool, relation: Relation, definition?: string): Promise<RelationPlan> {
  const oids = [...new Set(relation.columns.map((column) => column.typeOid))];
  const [rows, key] = await Promise.all([
    pool.query<TypeRow>(TYPES, [`{${oids.join(',')}}`]),
    pool.query<{ name: string; immediate: boolean }>(KEY, [relation.oid, relation.replicaIdentity]),
  ]);
  const known = new Map(rows.map((row) => [Number(row.oid), row]));
  return plan({ relation, key: keyOf(relation, key), definition }, known, false);
}

interface Key {
  names: readonly string[];
  isDeferrable: boolean;
}

interface Planned {
  relation: Relation;
  key: Key;
  definition: string | undefined;
}

/** Returns the key, if the message marks the same one: the catalog may be newer than the WAL. */
function keyOf(relation: Relation, found: readonly { name: string; immediate: boolean }[]): Key {
  const isFull = relation.replicaIdentity === 'f';
  const marked = relation.columns.filter((column) => isFull || column.identity).map(({ name }) => name);
  const names = found.map(({ name }) => name);
  // Without marks, as for a deferrable primary key, Postgres refuses updates and deletes.
  const isAny = isFull || marked.length === 0;
  const published = new Set(isAny ? relation.columns.map(({ name }) => name) : marked);
  const isTheirs = names.every((name) => published.has(name)) && (isAny || names.length === marked.length);
  if (!isTheirs) return { names: isAny ? [] : marked, isDeferrable: false };
  return { names, isDeferrable: found.some(({ immediate }) => !immediate) };
}

function plan(planned: Planned, known: ReadonlyMap<number, TypeRow>, distrusting: boolean): RelationPlan {
  const asked: AskedColumn[] = [];
  const types = planned.relation.columns.map(({ typeOid }, index) => {
    const type = jsonType(typeOid, known);
    const isMade = type.kind === 'array' || type.kind === 'row';
    if (!containsCast(typeOid, known) && !(distrusting && isMade)) return type;
    asked.push({ index, type: castName(typeOid, known) });
    return json;
  });
  return {
    ...planOf(planned, types),
    asked,
    distrust: () => plan(planned, known, true),
  };
}

export function unknownPlan(relation: Relation, definition?: string): RelationPlan {
  const key = keyOf(relation, []);
  const unknown: RelationPlan = {
    ...planOf(
      { relation, key, definition },
      relation.columns.map(() => TEXT),
    ),
    asked: [],
    isStable: false,
    isUnknown: true,
    distrust: () => unknown,
  };
  return unknown;
}

function planOf({ relation, key, definition }: Planned, types: readonly JsonType[]) {
  const { schema, table } = relation;
  const members = relation.columns.map((column) => `${JSON.stringify(column.name)}:`);
  return {
    relation,
    key: key.names,
    isDeferrable: key.isDeferrable,
    about: JSON.stringify({ schema, table, key: key.names, definition }).slice(1, -1),
    members,
    memberBytes: members.reduce((bytes, member) => bytes + Buffer.byteLength(member), 0),
    types,
    inexact: types.map(mayLoseText),
    isStable: relation.columns.every(({ typeOid }) => typeOid < FIRST_OF_USERS),
  };
}

function jsonType(oid: number, known: ReadonlyMap<number, TypeRow>): JsonType {
  const builtIn = BUILT_IN.get(oid);
  if (builtIn) return builtIn;
  const row = known.get(oid);
  if (!row) return TEXT; // The type was dropped since, so only the text is left.
  if (row.base !== null) return jsonType(Number(row.base), known);
  if (row.element !== null) {
    return { kind: 'array', element: jsonType(Number(row.element), known), delimiter: row.delimiter ?? ',' };
  }
  if (row.fields) {
    return { kind: 'row', fields: row.fields.map((f) => ({ name: f.name, type: jsonType(Number(f.oid), known) })) };
  }
  return TEXT;
}

/** Resolves a domain to its base type: existing values need not meet its constraints (`not valid`). */
function castName(oid: number, known: ReadonlyMap<number, TypeRow>): string {
  const row = known.get(oid) as TypeRow;
  if (row.base !== null) return castName(Number(row.base), known);
  const element = row.element === null ? undefined : known.get(Number(row.element));
  return element && element.base !== null ? `${castName(Number(element.oid), known)}[]` : row.name;
}

function containsCast(oid: number, known: ReadonlyMap<number, TypeRow>): boolean {
  const row = known.get(oid);
  if (!row) return false;
  const parts = [row.base, row.element, ...(row.fields ?? []).map((field) => field.oid)];
  return row.casts || VECTORS.has(oid) || parts.some((part) => part !== null && containsCast(Number(part), known));
}
