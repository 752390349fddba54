/** POST, PATCH, PUT and DELETE /rest/v1/:table */
import { type Preferences, parseQuery, type Query, type RowsMedia, selectMediaType } from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Relation } from '../catalog/catalog.ts';
import { errors, postgrest } from '../errors.ts';
import { type Payload, payloadOf } from '../plan/payload.ts';
import { planDelete, planInsert, planUpdate, type WriteRow } from '../plan/write.ts';
import { applyResponseSettings, isObject, send } from '../reply/answer.ts';
import { fullIdentity } from '../reply/identity-settings.ts';
import { schemaOf } from '../reply/schema.ts';
import type { RouteContext } from './context.ts';
import { executeWrite } from './execute-write.ts';
import { bodyOf, contentTypeOf, preferencesOf, rawSearch, relationOf } from './request.ts';

const WRITE_MEDIA = ['json', 'object', 'array', 'csv', 'ndjson', 'geojson'] as const;
/** A client that means every row says so with this header. */
const UNFILTERED_HEADER = 'tidemark-unfiltered';

type TableRequest = FastifyRequest<{ Params: { table: string } }>;
type Method = 'POST' | 'PATCH' | 'PUT' | 'DELETE';

export function registerTableWrites(app: BaseApp, context: RouteContext): void {
  for (const method of ['POST', 'PATCH', 'PUT', 'DELETE'] as const) {
    app.route<{ Params: { table: string } }>({
      method,
      url: '/rest/v1/:table',
      handler: (request, reply) => writeTable(context, method, request, reply),
    });
  }
}

async function writeTable(context: RouteContext, method: Method, request: TableRequest, reply: FastifyReply) {
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, context.config.schemas);
  const media = selectMediaType(request.headers.accept, WRITE_MEDIA) as RowsMedia;
  const preferences = preferencesOf(request, catalog);
  const relation = relationOf(catalog, schema, request.params.table);
  const query = parseQuery(rawSearch(request));
  const payload =
    method === 'DELETE' ? null : payloadOf(contentTypeOf(request), bodyOf(request), query.columns !== null);
  if (method === 'PATCH' || method === 'DELETE') refuseUnfiltered(request, method, relation, query);
  if (method === 'PUT') checkPut(relation, query, payload as Payload);

  const back = preferences.return ?? 'minimal';
  const options = { media, return: back };
  const resolution = method === 'PUT' ? 'merge-duplicates' : preferences.resolution;
  const statement =
    method === 'DELETE'
      ? planDelete(catalog, relation, query, options)
      : method === 'PATCH'
        ? planUpdate(catalog, relation, query, payload as Payload, options)
        : planInsert(catalog, relation, query, payload as Payload, {
            ...options,
            resolution,
            missingDefault: preferences.missing === 'default',
          });

  const maximum = preferences.handling === 'strict' ? preferences.maxAffected : null;
  const { row, tidemark } = await executeWrite<WriteRow>(context.db, {
    statement,
    identity: fullIdentity(request, schema),
    holder: { route: `${method} /rest/v1/:table` },
    rollback: preferences.tx === 'rollback',
    ...(maximum !== null || (isObject(media) && back === 'representation')
      ? { check: (written: WriteRow) => check(written, media, back, maximum) }
      : {}),
  });

  reply.code(statusOf(method, back, row));
  if (method === 'POST' && back === 'headers-only' && row.key) reply.header('location', locationOf(relation, row.key));
  reply.header('content-range', rangeOf(method, row, preferences));
  applyResponseSettings(reply, row.headers, row.status);
  return send(reply, {
    media,
    body: back === 'representation' ? row.body : null,
    rows: Number(row.rows),
    offset: 0,
    total: null,
    tidemark,
    source: 'primary',
    preferences: appliedTo(method, preferences, resolution),
  });
}

function refuseUnfiltered(request: FastifyRequest, method: Method, relation: Relation, query: Query): void {
  if (query.where.length > 0 || request.headers[UNFILTERED_HEADER] === 'allow') return;
  throw errors.UNFILTERED({ method, relation: relation.name });
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

function check(row: WriteRow, media: RowsMedia, back: string, maximum: number | null): void {
  const rows = Number(row.rows);
  if (maximum !== null && rows > maximum) throw postgrest.PGRST124({ affected: rows, maximum });
  if (isObject(media) && back === 'representation' && rows !== 1) throw postgrest.PGRST116({ rows });
}

function statusOf(method: Method, back: string, row: WriteRow): number {
  if (method === 'POST') return row.inserted !== null && Number(row.inserted) === 0 && Number(row.rows) > 0 ? 200 : 201;
  if (method === 'PUT' && row.inserted !== null && Number(row.inserted) > 0) return 201;
  return back === 'representation' ? 200 : 204;
}

function rangeOf(method: Method, row: WriteRow, preferences: Preferences): string {
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

function appliedTo(method: Method, preferences: Preferences, resolution: Preferences['resolution']): Preferences {
  const inserts = method === 'POST' || method === 'PUT';
  return {
    ...preferences,
    resolution: method === 'POST' ? resolution : null,
    missing: inserts || method === 'PATCH' ? preferences.missing : null,
    params: null,
  };
}
