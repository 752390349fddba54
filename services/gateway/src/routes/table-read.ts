/** GET and HEAD /rest/v1/:table */
import type { Statement } from '@tidemark/db';
import {
  assertSatisfiable,
  intersectRanges,
  parseQuery,
  type Query,
  type RowsMedia,
  selectMediaType,
} from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CacheAnswer, CachedAnswer, Filled } from '../cache/read-cache.ts';
import { type AnswerRow, planEstimate } from '../plan/read.ts';
import { type ReadRequest, requestKey } from '../plan/read-requests.ts';
import { strongEtag } from '../reply/etag.ts';
import { readIdentity } from '../reply/identity-settings.ts';
import { sendRead } from '../reply/read-answer.ts';
import { schemaOf } from '../reply/schema.ts';
import type { RouteContext } from './context.ts';
import { preferencesOf, rangeOf, rawSearch, relationOf, tidemarkOf } from './request.ts';

export const READ_MEDIA = ['json', 'object', 'array', 'csv', 'ndjson', 'geojson'] as const;

type TableRequest = FastifyRequest<{ Params: { table: string } }>;

export function registerTableRead(app: BaseApp, context: RouteContext): void {
  app.get<{ Params: { table: string } }>('/rest/v1/:table', (request, reply) => readTable(context, request, reply));
}

export async function readTable(context: RouteContext, request: TableRequest, reply: FastifyReply) {
  const read = understand(context, request, reply);
  const { query, media, preferences } = read;
  const result = await answerOf(context, request, read);
  const total = await totalOf(context, request, read, result.answer);
  assertSatisfiable(query.offset, total);
  return sendRead(request, reply, {
    ...result,
    media,
    offset: query.offset,
    total,
    preferences: { count: preferences.count, handling: preferences.handling },
  });
}

/** Everything of a request but its identity and its tidemark; parsed once for the same line and headers. */
function understand(context: RouteContext, request: TableRequest, reply: FastifyReply): ReadRequest {
  const { config, readRequests } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const { accept, prefer, range, 'range-unit': unit } = request.headers;
  const text = `${schema}\0${request.raw.url}\0${accept}\0${prefer}\0${range}\0${unit}`;
  const known = readRequests.get(text, catalog);
  if (known) return known;
  const media = selectMediaType(accept, READ_MEDIA) as RowsMedia;
  const preferences = preferencesOf(request, catalog);
  const relation = relationOf(catalog, schema, request.params.table);
  const parsed = parseQuery(rawSearch(request));
  const page = intersectRanges({ offset: parsed.offset, limit: parsed.limit }, rangeOf(request));
  const query: Query = { ...parsed, ...page };
  const key = requestKey(catalog, schema, relation, query, media, preferences.count);
  const read: ReadRequest = { catalog, schema, media, preferences, relation, query, key, reads: undefined };
  readRequests.add(text, read);
  return read;
}

async function answerOf(
  context: RouteContext,
  request: TableRequest,
  read: ReadRequest,
): Promise<CacheAnswer<CachedAnswer>> {
  const { db, config, cache, plans } = context;
  const { catalog, relation, query, media, preferences } = read;
  const identity = readIdentity(request, read.schema);
  const asked = tidemarkOf(request, query);

  async function fill(guard?: ReadonlySet<number>): Promise<Filled<CachedAnswer>> {
    const options = { media, exactCount: preferences.count === 'exact', maxRows: config.DB_MAX_ROWS };
    const statement = plans.read(catalog, relation, query, options, guard);
    const { rows, tidemark, proven, source } = await db.read<AnswerRow & { guard?: string | null }>({
      identity,
      statement,
      holder: { route: 'GET /rest/v1/:table' },
      ...(asked ? { tidemark: asked } : {}),
    });
    const row = rows[0] as AnswerRow & { guard?: string | null };
    const text = row.body ?? '';
    const answer = {
      body: Buffer.from(text),
      etag: strongEtag(text),
      rows: Number(row.rows),
      total: row.total === null ? null : Number(row.total),
    };
    return { answer, tidemark, proven, source, guard: row.guard ?? null };
  }

  const found = readsOf(context, read);
  if (!cache || typeof found === 'string') return { ...(await fill()), status: 'fwd=bypass' };
  return await cache.read<CachedAnswer>({
    ...found,
    // Whatever the transaction is set to, besides the identity.
    key: `${read.key}\0${JSON.stringify(identity.settings)}\0${identity.role}`,
    claims: identity.claims,
    asked,
    fill: () => fill(found.reads.oids),
  });
}

function readsOf({ cache }: RouteContext, read: ReadRequest) {
  if (!cache) return 'there is no cache';
  // The planner's guess comes from another statement.
  if (read.preferences.count === 'planned' || read.preferences.count === 'estimated') return 'the total is a guess';
  const generation = cache.generation();
  if (read.reads?.of !== generation) {
    read.reads = { of: generation, found: cache.readsOf(read.catalog, read.relation, read.query) };
  }
  return read.reads.found;
}

async function totalOf(
  context: RouteContext,
  request: TableRequest,
  read: ReadRequest,
  answer: CachedAnswer,
): Promise<number | null> {
  const { count } = read.preferences;
  if (count === null || count === 'exact') return answer.total;
  return await estimate(context, request, read);
}

/** The planner's guess: one EXPLAIN, no rows read. */
async function estimate({ db }: RouteContext, request: TableRequest, read: ReadRequest): Promise<number> {
  const asked = tidemarkOf(request, read.query);
  const statement: Statement = planEstimate(read.catalog, read.relation, read.query);
  const { rows } = await db.read<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>({
    identity: readIdentity(request, read.schema),
    statement,
    holder: { route: 'GET /rest/v1/:table' },
    ...(asked ? { tidemark: asked } : {}),
  });
  return rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}
