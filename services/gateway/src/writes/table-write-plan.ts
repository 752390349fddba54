/** A write of a table: from the parts of a request to a statement, and from its row to an answer. */
import type { Statement } from '@tidemark/db';
import { type Preferences, parseQuery, type Query, type RowsMedia, selectMediaType } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { errors, postgrest } from '../errors.ts';
import { type Payload, payloadOf } from '../plan/payload.ts';
import { type InsertOptions, planDelete, planInsert, planUpdate, type WriteRow } from '../plan/write.ts';
import { isObject } from '../reply/answer.ts';
import { relationOf } from '../routes/request.ts';
import { type Answered, answerOf } from './answered.ts';

const WRITE_MEDIA = ['json', 'object', 'array', 'csv', 'ndjson', 'geojson'] as const;

export const WRITE_METHODS = ['POST', 'PATCH', 'PUT', 'DELETE'] as const;
export type WriteMethod = (typeof WRITE_METHODS)[number];

export interface WriteParts {
  method: WriteMethod;
  schema: string;
  table: string;
  /** The query string, without `?`. */
  search: string;
  accept: string | undefined;
  contentType: string;
  body: string;
  preferences: Preferences;
  /** The client means every row. */
  unfiltered: boolean;
}

export interface TableWrite {
  readonly parts: WriteParts;
  readonly relation: Relation;
  readonly query: Query;
  readonly payload: Payload | null;
  readonly media: RowsMedia;
  readonly options: InsertOptions;
  /** The answer depends on what was written, so it has to be looked at before COMMIT. */
  readonly mustCheck: boolean;
  statement(payload?: Payload): Statement;
  /** @throws PGRST124, PGRST116: then the write has to be rolled back */
  check(row: WriteRow): void;
  answer(row: WriteRow): Answered;
}

export function planTableWrite(catalog: Catalog, parts: WriteParts): TableWrite {
  const { method, preferences } = parts;
  const media = selectMediaType(parts.accept, WRITE_MEDIA) as RowsMedia;
  const relation = relationOf(catalog, parts.schema, parts.table);
  const query = parseQuery(parts.search);
  const payload = method === 'DELETE' ? null : payloadOf(parts.contentType, parts.body, query.columns !== null);
  if ((method === 'PATCH' || method === 'DELETE') && query.where.length === 0 && !parts.unfiltered) {
    throw errors.UNFILTERED({ method, relation: relation.name });
  }
  if (method === 'PUT') checkPut(relation, query, payload as Payload);
  const options: InsertOptions = {
    media,
    return: preferences.return ?? 'minimal',
    resolution: method === 'PUT' ? 'merge-duplicates' : preferences.resolution,
    missingDefault: preferences.missing === 'default',
  };
  const maximum = preferences.handling === 'strict' ? preferences.maxAffected : null;
  const oneRow = isObject(media) && options.return === 'representation';
  return {
    ...{ parts, relation, query, payload, media, options },
    mustCheck: maximum !== null || oneRow,
    statement(given = payload as Payload) {
      if (method === 'DELETE') return planDelete(catalog, relation, query, options);
      if (method === 'PATCH') return planUpdate(catalog, relation, query, given, options);
      return planInsert(catalog, relation, query, given, options);
    },
    check(row) {
      const rows = Number(row.rows);
      if (maximum !== null && rows > maximum) throw postgrest.PGRST124({ affected: rows, maximum });
      if (oneRow && rows !== 1) throw postgrest.PGRST116({ rows });
    },
    answer: (row) => answerWrite(method, relation, preferences, options, row),
  };
}

function answerWrite(
  method: WriteMethod,
  relation: Relation,
  preferences: Preferences,
  options: InsertOptions,
  row: WriteRow,
): Answered {
  const back = options.return;
  const headers: Record<string, string> = { 'content-range': rangeOf(method, row, preferences) };
  if (method === 'POST' && back === 'headers-only' && row.key) headers.location = locationOf(relation, row.key);
  return answerOf({
    status: statusOf(method, back, row),
    media: options.media,
    body: back === 'representation' ? row.body : null,
    headers,
    preferences: appliedTo(method, preferences, options.resolution),
    settings: row,
  });
}

/** PUT writes exactly the row that its filters name. */
function checkPut(relation: Relation, query: Query, payload: Payload): void {
  if (query.limit !== null || query.offset > 0) {
    throw postgrest.PGRST105({ reason: 'limit/offset querystring parameters are not allowed for PUT' });
  }
  const equals = new Map<string, string>();
  for (const condition of query.where) {
    const plain = condition.kind === 'compare' && condition.op === 'eq' && !condition.negate && !condition.quantifier;
    if (!plain || condition.field.json.length > 0) break;
    equals.set(condition.field.name, condition.value);
  }
  const complete = equals.size === query.where.length && equals.size === relation.primaryKey.length;
  if (!complete || relation.primaryKey.length === 0 || !relation.primaryKey.every((column) => equals.has(column))) {
    throw postgrest.PGRST105({ reason: "Filters must include all and only primary key columns with 'eq' operators" });
  }
  const [row, ...more] = JSON.parse(payload.rows) as Record<string, unknown>[];
  if (!row || more.length > 0 || !relation.primaryKey.every((column) => String(row[column]) === equals.get(column))) {
    throw postgrest.PGRST115();
  }
}

function statusOf(method: WriteMethod, back: string, row: WriteRow): number {
  if (method === 'POST') return row.inserted !== null && Number(row.inserted) === 0 && Number(row.rows) > 0 ? 200 : 201;
  if (method === 'PUT' && row.inserted !== null && Number(row.inserted) > 0) return 201;
  return back === 'representation' ? 200 : 204;
}

function rangeOf(method: WriteMethod, row: WriteRow, preferences: Preferences): string {
  const rows = Number(row.rows);
  const total = preferences.count === 'exact' ? String(rows) : '*';
  if (method === 'PATCH' && rows > 0) return `0-${rows - 1}/${total}`;
  return `*/${total}`;
}

function locationOf(relation: Relation, key: string): string {
  const values = JSON.parse(key) as Record<string, unknown>;
  const filters = relation.primaryKey.map(
    (column) => `${encodeURIComponent(column)}=eq.${encodeURIComponent(String(values[column]))}`,
  );
  return `/rest/v1/${encodeURIComponent(relation.name)}?${filters.join('&')}`;
}

function appliedTo(method: WriteMethod, preferences: Preferences, resolution: Preferences['resolution']): Preferences {
  return {
    ...preferences,
    resolution: method === 'POST' ? resolution : null,
    missing: method === 'DELETE' ? null : preferences.missing,
    results: method === 'POST' ? preferences.results : null,
    params: null,
  };
}
