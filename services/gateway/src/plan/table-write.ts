import { sliceObject } from '@tidemark/contracts';
import type { Statement } from '@tidemark/db';
import {
  type Catalog,
  checkLimits,
  type EmbedLimits,
  findRelation,
  fixedColumns,
  fixesKey,
  type InsertOptions,
  type Payload,
  payloadOf,
  planDelete,
  planInsert,
  planUpdate,
  type Relation,
  type WriteRow,
} from '@tidemark/plan';
import { type Preferences, parseQuery, type Query, type RowsMedia, selectMediaType } from '@tidemark/query';
import { errors, postgrest } from '../errors.ts';
import { isObject, type StoredReply, storedReply } from '../reply/stored-reply.ts';
import { ROWS_MEDIA } from '../request/media.ts';
import type { PlannedWrite } from './planned-write.ts';

export const WRITE_METHODS = ['POST', 'PATCH', 'PUT', 'DELETE'] as const;
export type WriteMethod = (typeof WRITE_METHODS)[number];

export interface WriteHead {
  method: WriteMethod;
  schema: string;
  table: string;
  search: string;
  accept: string | undefined;
  contentType: string;
  preferences: Preferences;
  /** The client states that it means every row. */
  unfiltered: boolean;
}

/** A write without its body. It holds for one catalog. */
export class WritePlan {
  readonly catalog: Catalog;
  readonly head: WriteHead;
  readonly relation: Relation;
  readonly query: Query;
  readonly media: RowsMedia;
  readonly options: InsertOptions;
  readonly mustCheck: boolean;
  readonly writes: readonly number[];
  readonly #maximum: number | null;
  readonly #oneRow: boolean;
  #plainReply: StoredReply | undefined;

  constructor(catalog: Catalog, head: WriteHead, limits: EmbedLimits) {
    const { method, preferences } = head;
    this.catalog = catalog;
    this.head = head;
    this.media = selectMediaType(head.accept, ROWS_MEDIA) as RowsMedia;
    this.relation = findRelation(catalog, head.schema, head.table);
    this.query = parseQuery(head.search);
    this.options = {
      media: this.media,
      return: preferences.return ?? 'minimal',
      resolution: method === 'PUT' ? 'merge-duplicates' : preferences.resolution,
      missingDefault: preferences.missing === 'default',
      matching: method === 'PUT',
    };
    this.writes = [this.relation.oid];
    this.#maximum = preferences.handling === 'strict' ? preferences.maxAffected : null;
    this.#oneRow = isObject(this.media);
    this.mustCheck = this.#maximum !== null || this.#oneRow || method === 'PUT';
    checkPage(method, this.query);
    checkLimits(catalog, this.relation, this.query, limits);
  }

  with(body: string): TableWrite {
    const { method, contentType, unfiltered } = this.head;
    const payload = method === 'DELETE' ? null : payloadOf(contentType, body, this.query.columns !== null);
    if ((method === 'PATCH' || method === 'DELETE') && this.query.where.length === 0 && !unfiltered) {
      throw errors.UNFILTERED({ method, relation: this.relation.name });
    }
    if (method === 'PUT') checkPut(this.relation, this.query, payload as Payload);
    if (method === 'PATCH' && payload !== null && payload.count > 1) throw errors.PATCH_ROWS({ rows: payload.count });
    return new TableWrite(this, body, payload);
  }

  check(row: WriteRow): void {
    const rows = Number(row.rows);
    if (this.#maximum !== null && rows > this.#maximum) {
      throw postgrest.PGRST124({ affected: rows, maximum: this.#maximum });
    }
    if (this.head.method === 'PUT' && rows === 0) throw postgrest.PGRST115();
    if (this.#oneRow && rows !== 1) throw postgrest.PGRST116({ rows });
  }

  reply(row: WriteRow): StoredReply {
    if (row !== PLAIN_ROW) return replyTo(this, row);
    this.#plainReply ??= replyTo(this, row);
    return this.#plainReply;
  }
}

export class TableWrite implements PlannedWrite {
  readonly plan: WritePlan;
  readonly body: string;
  /** Null for DELETE. */
  readonly payload: Payload | null;

  constructor(plan: WritePlan, body: string, payload: Payload | null) {
    this.plan = plan;
    this.body = body;
    this.payload = payload;
  }

  get mustCheck(): boolean {
    return this.plan.mustCheck;
  }

  get writes(): readonly number[] {
    return this.plan.writes;
  }

  statement(given: Payload = this.payload as Payload): Statement {
    const { catalog, relation, query, options, head } = this.plan;
    if (head.method === 'DELETE') return planDelete(catalog, relation, query, options);
    if (head.method === 'PATCH') return planUpdate(catalog, relation, query, given, options);
    return planInsert(catalog, relation, query, given, options);
  }

  check(row: WriteRow): void {
    this.plan.check(row);
  }

  reply(row: WriteRow): StoredReply {
    return this.plan.reply(row);
  }
}

/** The row of an insert of one row that returns nothing. Its reply is made once for each plan. */
export const PLAIN_ROW: WriteRow = Object.freeze({
  body: null,
  rows: '1',
  total: null,
  key: null,
  inserted: null,
  headers: null,
  status: null,
});

function replyTo({ head, relation, query, options }: WritePlan, row: WriteRow): StoredReply {
  const { method, preferences } = head;
  // Without a key, no row can be merged into another.
  const resolves = options.resolution === 'ignore-duplicates' || (query.onConflict ?? relation.primaryKey).length > 0;
  const headers: Record<string, string> = { 'content-range': rangeOf(method, row, preferences) };
  if (method === 'POST' && options.return === 'headers-only' && row.key) {
    headers.location = locationOf(relation, row.key);
  }
  return storedReply({
    status: statusOf(method, options.return, row),
    media: options.media,
    body: options.return === 'representation' ? row.body : null,
    headers,
    preferences: {
      ...preferences,
      resolution: method === 'POST' && resolves ? options.resolution : null,
      missing: method === 'DELETE' ? null : preferences.missing,
      results: method === 'POST' ? preferences.results : null,
      params: null,
    },
    settings: row,
  });
}

/** Postgres has no UPDATE or DELETE of a part of the rows: without this check, all of them would change. */
function checkPage(method: WriteMethod, { limit, offset, after }: Query): void {
  if (limit === null && offset === 0 && after === null) return;
  if (method === 'PUT') throw postgrest.PGRST114();
  if (method !== 'POST') throw errors.WRITE_PAGE({ method });
}

/** Postgres compares the key of the body with the filters, in the types of the columns (planInsert, `matching`). */
function checkPut(relation: Relation, query: Query, payload: Payload): void {
  const { primaryKey } = relation;
  const isOnlyKey = query.where.length === primaryKey.length && fixedColumns(query.where).size === primaryKey.length;
  if (!isOnlyKey || !fixesKey(primaryKey, query.where)) {
    throw postgrest.PGRST105({ reason: "Filters must include all and only primary key columns with 'eq' operators" });
  }
  const written = query.columns ?? payload.keys;
  if (payload.count !== 1 || !primaryKey.every((column) => written.includes(column))) {
    throw postgrest.PGRST115();
  }
}

function statusOf(method: WriteMethod, back: InsertOptions['return'], row: WriteRow): number {
  const inserted = row.inserted === null ? null : Number(row.inserted);
  if (method === 'POST') return inserted === 0 && Number(row.rows) > 0 ? 200 : 201;
  if (method === 'PUT' && inserted !== null && inserted > 0) return 201;
  return back === 'representation' ? 200 : 204;
}

function rangeOf(method: WriteMethod, row: WriteRow, preferences: Preferences): string {
  const rows = Number(row.rows);
  const total = preferences.count === 'exact' ? String(rows) : '*';
  return method === 'PATCH' && rows > 0 ? `0-${rows - 1}/${total}` : `*/${total}`;
}

function locationOf(relation: Relation, key: string): string {
  const values = sliceObject(key);
  const filters = relation.primaryKey.map((column) => {
    const value = values.get(column) ?? 'null';
    // A view shows a null where an outer join found no row.
    if (value === 'null') return `${encodeURIComponent(column)}=is.null`;
    const text = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    return `${encodeURIComponent(column)}=eq.${encodeURIComponent(text)}`;
  });
  return `/rest/v1/${encodeURIComponent(relation.name)}?${filters.join('&')}`;
}
