import { arrayLiteral, type Pool, type SessionReset } from '@tidemark/db';
import type { OwnMedia } from '@tidemark/query';
import {
  type Argument,
  type Catalog,
  type Column,
  type ComputedColumn,
  type Relation,
  type RelationKind,
  type RelationRef,
  type Routine,
  refKey,
} from './catalog.ts';
import { type ForeignKeyRow, findRelationships, type RowFunction } from './relationships.ts';
import { CHANGES_SESSION, REQUEST_READERS, ROLE_SETTINGS } from './session-statements.ts';
import * as statements from './statements.ts';
import { readViewColumns, type TableKey, type ViewColumns } from './view-columns.ts';

const KINDS: Readonly<Record<string, RelationKind>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};
const VOLATILITIES = { i: 'immutable', s: 'stable', v: 'volatile' } as const;

let version = 0;

/** `searched`: schemas that are not exposed, whose types a request may cast to. */
export async function loadCatalog(
  pool: Pool,
  schemas: readonly string[],
  searched: readonly string[] = ['public'],
): Promise<Catalog> {
  const exposed = [arrayLiteral([...schemas])];
  const [
    relationRows,
    keyRows,
    views,
    routineRows,
    roleRows,
    zoneRows,
    typeRows,
    hidingRows,
    shadows,
    changes,
    readers,
    settings,
    aggregates,
  ] = await Promise.all([
    pool.query<RelationRow>(statements.RELATIONS, exposed),
    pool.query<ForeignKeyRow>(statements.FOREIGN_KEYS),
    readViewColumns(pool, schemas),
    pool.query<RoutineRow>(statements.ROUTINES, exposed),
    pool.query<{ name: string; bypasses: boolean }>(statements.ROLES),
    pool.query<{ name: string }>(statements.TIME_ZONES),
    pool.query<{ name: string }>(statements.CAST_TYPES, [...exposed, arrayLiteral([...searched])]),
    pool.query<HidingRow>(statements.HIDING, exposed),
    pool.query<{ shadowed: boolean }>(statements.SHADOWED),
    pool.query<{ changes: SessionReset | null }>(CHANGES_SESSION),
    pool.query<RelationRef & { by_function: boolean }>(REQUEST_READERS),
    pool.query<{ role: string; name: string; value: string }>(ROLE_SETTINGS),
    pool.query<MediaRow>(statements.MEDIA_AGGREGATES, exposed),
  ]);

  const computed = computedColumns(routineRows);
  const visible = visibleTo(hidingRows);
  const relations = new Map<string, Relation>();
  const bySchema = new Map<string, Relation[]>(schemas.map((schema) => [schema, []]));
  for (const row of relationRows) {
    const relation = toRelation(
      row,
      views,
      computed.get(refKey(row)) ?? NO_COLUMNS,
      visible.get(row.oid) ?? 'everyone',
    );
    relations.set(refKey(relation), relation);
    bySchema.get(relation.schema)?.push(relation);
  }

  const routines = new Map<string, Routine[]>();
  const routinesBySchema = new Map<string, Routine[]>(schemas.map((schema) => [schema, []]));
  const rowFunctions: RowFunction[] = [];
  for (const row of routineRows) {
    const routine = toRoutine(row);
    push(routines, refKey(routine), routine);
    routinesBySchema.get(routine.schema)?.push(routine);
    if (row.takes_row_of && routine.resultRelation) {
      // ROWS 1 on a set-returning function declares that it returns at most one row.
      const toOne = !routine.returnsSet || Number(row.rows_estimate) === 1;
      rowFunctions.push({ function: routine, from: row.takes_row_of, to: routine.resultRelation, toOne });
    }
  }

  const relationships = findRelationships(keyRows, views.columns, rowFunctions, relations);
  version += 1;
  return {
    version,
    loadedAt: Date.now(),
    schemas,
    shadowed: shadows[0]?.shadowed !== false,
    relation: (schema, name) => relations.get(refKey({ schema, name })),
    relations: (schema) => bySchema.get(schema) ?? [],
    relationships: (from) => relationships.get(refKey(from)) ?? [],
    routines: (schema, name) => routines.get(refKey({ schema, name })) ?? [],
    allRoutines: (schema) => routinesBySchema.get(schema) ?? [],
    bypassing: new Set(roleRows.filter((row) => row.bypasses).map((row) => row.name)),
    roles: new Set(roleRows.map((row) => row.name)),
    types: new Set(typeRows.map((row) => row.name)),
    changesSession: changes[0]?.changes ?? false,
    requestReaders: {
      relations: new Set(readers.filter(({ name }) => name !== '').map(refKey)),
      byFunction: readers.some((row) => row.by_function),
    },
    roleSettings: settingsByRole(settings),
    mediaTypes: aggregates.map(toOwnMedia),
    timeZones: new Set(zoneRows.map((row) => row.name)),
  };
}

function settingsByRole(rows: readonly { role: string; name: string; value: string }[]) {
  const byRole = new Map<string, Record<string, string>>();
  for (const { role, name, value } of rows) {
    const settings = byRole.get(role) ?? {};
    settings[name] = value;
    byRole.set(role, settings);
  }
  return byRole;
}

interface MediaRow extends RelationRef {
  mime: string;
  is_bytes: boolean;
  rows_schema: string | null;
  rows_name: string | null;
}

const toOwnMedia = ({ mime, is_bytes: isBytes, schema, name, rows_schema, rows_name }: MediaRow): OwnMedia => ({
  mime,
  isBytes,
  aggregate: { schema, name },
  rowsOf: rows_schema !== null && rows_name !== null ? { schema: rows_schema, name: rows_name } : null,
});

interface RelationRow {
  schema: string;
  name: string;
  oid: string;
  kind: string;
  row_security: boolean;
  insert_triggers: boolean;
  reads_request: boolean;
  session_safe: boolean;
  comment: string | null;
  insertable: boolean;
  updatable: boolean;
  deletable: boolean;
  columns: Column[];
  primary_key: string[];
  has_children: boolean;
}

interface HidingRow {
  oid: string;
  /** Roles with a policy that is `true`; `public` stands for all roles. */
  open: string[];
}

/** Returns the roles that see all rows of a relation, by its oid: those that see all rows of everything that it reads. */
function visibleTo(rows: readonly HidingRow[]): Map<string, ReadonlySet<string>> {
  const visible = new Map<string, ReadonlySet<string>>();
  for (const { oid, open } of rows) {
    if (open.includes('public')) continue;
    const before = visible.get(oid);
    visible.set(oid, new Set(open.filter((role) => before?.has(role) ?? true)));
  }
  return visible;
}

const NO_COLUMNS: ReadonlyMap<string, ComputedColumn> = new Map();

function computedColumns(routines: readonly RoutineRow[]): Map<string, Map<string, ComputedColumn>> {
  const computed = new Map<string, Map<string, ComputedColumn>>();
  for (const { schema, name, takes_row_of: of, returns_set: isSet, return_type: type } of routines) {
    if (!of || isSet) continue;
    const columns = computed.get(refKey(of)) ?? new Map<string, ComputedColumn>();
    computed.set(refKey(of), columns);
    if (schema === of.schema || !columns.has(name)) columns.set(name, { schema, name, type });
  }
  return computed;
}

function toRelation(
  row: RelationRow,
  views: ViewColumns,
  computed: ReadonlyMap<string, ComputedColumn>,
  allVisibleTo: Relation['allVisibleTo'],
): Relation {
  const kind = KINDS[row.kind] ?? 'table';
  return Object.freeze({
    schema: row.schema,
    name: row.name,
    oid: Number(row.oid),
    kind,
    columns: new Map(row.columns.map((column) => [column.name, Object.freeze(column)])),
    ...relationKeys(row, views),
    rowSecurity: row.row_security,
    allVisibleTo,
    insertTriggers: row.insert_triggers,
    readsRequest: row.reads_request,
    sessionSafe: row.session_safe,
    insertable: row.insertable,
    updatable: row.updatable,
    deletable: row.deletable,
    computed,
    comment: row.comment,
  });
}

function relationKeys(
  row: RelationRow,
  { columns, rowsOf, keys }: ViewColumns,
): Pick<Relation, 'primaryKey' | 'uniqueKey'> {
  // Rows of children of an inheriting table may have the key of a row of the table.
  if (row.kind !== 'v' && row.kind !== 'm') {
    return { primaryKey: row.primary_key, uniqueKey: row.has_children ? [] : row.primary_key };
  }
  const shown = columns.filter((c) => c.view_schema === row.schema && c.view_name === row.name);
  const shownKey = (table: TableKey | undefined): readonly string[] => {
    const key = (table?.primary_key ?? []).map(
      (column) => shown.find((c) => c.table_oid === table?.oid && c.table_column === column)?.view_column,
    );
    return key.every((column) => column !== undefined) ? (key as string[]) : [];
  };
  const table = keys.get(rowsOf.get(row.oid) ?? '');
  const tables = new Set(shown.map((c) => c.table_oid));
  return {
    // As in PostgREST: a row of a join is that of each of its tables.
    primaryKey: [...tables].flatMap((oid) => shownKey(keys.get(oid))),
    uniqueKey: table?.has_children ? [] : shownKey(table),
  };
}

interface RoutineRow {
  schema: string;
  name: string;
  volatility: keyof typeof VOLATILITIES;
  returns_set: boolean;
  returns_void: boolean;
  return_type: string;
  comment: string | null;
  args: Argument[];
  out_columns: string[] | null;
  composite_columns: string[] | null;
  out_types: string[] | null;
  composite_types: string[] | null;
  relation_schema: string | null;
  relation_name: string | null;
  rows_estimate: number;
  timeout_ms: number | null;
  media_type: Routine['mediaType'];
  takes_row_of: RelationRef | null;
}

function toRoutine(row: RoutineRow): Routine {
  const resultRelation =
    row.relation_schema && row.relation_name ? { schema: row.relation_schema, name: row.relation_name } : null;
  return Object.freeze({
    schema: row.schema,
    name: row.name,
    args: row.args,
    returnType: row.return_type,
    returnsSet: row.returns_set,
    returnsVoid: row.returns_void,
    resultColumns: row.composite_columns ?? row.out_columns,
    resultTypes: row.composite_types ?? row.out_types,
    resultRelation,
    timeoutMs: row.timeout_ms,
    mediaType: row.media_type,
    volatility: VOLATILITIES[row.volatility],
    comment: row.comment,
  });
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
