import type { Client } from '@tidemark/db';
import {
  type AnswerRow,
  checkEmbedRows,
  findRelation,
  joinRows,
  mayHideRows,
  planEstimate,
  planExport,
  type ReadOptions,
} from '@tidemark/plan';
import {
  assertSatisfiable,
  intersectRanges,
  type PlanMedia,
  type Preferences,
  parseQuery,
  type Query,
  type RowsMedia,
  selectMediaType,
} from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { CacheAnswer, CachedAnswer, Filled } from '../../cache/cached-answer.ts';
import { sharedKey as keyOfStatement } from '../../cache/shared/shared-value.ts';
import type { RouteContext } from '../../context.ts';
import type { FastPath } from '../../http/fast-path/fast-path.ts';
import { TABLE_ROUTE } from '../../http/fast-path/raw-request.ts';
import { recordReplies } from '../../http/fast-path/record.ts';
import { holdUntilSent } from '../../http/plugins/answer-budget.ts';
import { clientOf } from '../../http/plugins/request-client.ts';
import { askedBy } from '../../http/tracing/request-trace.ts';
import { strongEtag } from '../../reply/etag.ts';
import { sendPlan, tellsOfHidden } from '../../reply/explain.ts';
import { sendRead } from '../../reply/read-answer.ts';
import { exportOf } from '../../request/export-request.ts';
import { readIdentity } from '../../request/identity-settings.ts';
import { ROWS_MEDIA } from '../../request/media.ts';
import { embedLimits, preferencesOf, rangeOf, rawSearch, tidemarkOf } from '../../request/parse.ts';
import { askedPlan } from '../../request/plan-media.ts';
import { locationOf, type ReadRequest, requestKey } from '../../request/read-requests.ts';
import { schemaOf } from '../../request/schema.ts';
import { readKeysetPage } from './keyset.ts';
import type { Reading, TableRequest } from './reading.ts';

const ROUTE = `GET ${TABLE_ROUTE}`;
const ASKED = { holder: { route: ROUTE } };

/** The fast path records the hits that are sent here. */
export const tableReadRoute = fp(
  async (app: BaseApp, { fastPath, ...context }: RouteContext & { readonly fastPath: FastPath | undefined }) => {
    app.decorateReply('hit', undefined);
    const options = fastPath ? { onSend: recordReplies(fastPath) } : {};
    app.get<{ Params: { table: string } }>(TABLE_ROUTE, options, (request, reply) =>
      readTable(context, request, reply),
    );
  },
  { name: 'table-read-route', dependencies: ['compression', 'identity'] },
);

function readTable(context: RouteContext, request: TableRequest, reply: FastifyReply) {
  const plan = askedPlan(request.headers.accept, ROWS_MEDIA, context.config, request.caller.role);
  const read = understand(context, request, reply, plan);
  const identity = readIdentity(request, read.schema);
  if (plan) {
    const { catalog, relation, query } = read;
    const statement = context.plans.read(catalog, relation, query, optionsOf(context, read, identity.role));
    const hidden = tellsOfHidden(catalog, relation, query, identity.role);
    const explaining = {
      media: plan,
      statement,
      identity,
      asked: ASKED,
      writes: false,
      tellsOfHidden: hidden,
    };
    return sendPlan(context.db, request, reply, explaining);
  }
  const asked = tidemarkOf(request, read.query);
  if (read.exported !== null && request.method === 'GET') {
    const { catalog, relation, query, exported } = read;
    const statement = planExport(catalog, relation, query);
    const asking = { request: exported, statement, identity, tidemark: asked, route: ROUTE, client: clientOf(request) };
    return context.exporter.send(reply, asking);
  }
  if (read.query.after !== null) return readKeysetPage(context, { request, reply, read, identity, asked });
  const found = readsOf(context, read);
  const { cache } = context;
  if (!cache || typeof found === 'string') return readUncached(context, { request, reply, read, identity, asked });
  const { key, keyOfRole } = read;
  const roleKey = keyOfRole.get(identity.role) ?? `${key}\0${identity.role}`;
  if (keyOfRole.size < MAX_ROLES) keyOfRole.set(identity.role, roleKey);
  const cached = { ...found, key: roleKey, claims: identity.claims, asked };
  const hit = cache.hit(cached);
  if (hit) {
    reply.hit = {
      answer: hit.answer,
      key: hit.key as string,
      catalog: read.catalog,
      asked: read.query.tidemark ?? undefined,
    };
    return answer(request, reply, read, hit, hit.answer.total);
  }
  const fill = (client: Client) =>
    fillFrom(context, { request, reply, read, identity, asked }, found.reads.oids, client);
  const sharedKey = () => {
    const { catalog, relation, query } = read;
    const statement = context.plans.read(
      catalog,
      relation,
      query,
      optionsOf(context, read, identity.role),
      found.reads.oids,
    );
    return keyOfStatement(identity, found.reads.personal, statement);
  };
  return cache
    .read({ ...cached, client: clientOf(request), fill, sharedKey })
    .then((result) => answer(request, reply, read, result, result.answer.total));
}

/** Roles whose keys are kept ready; others are put together each time. */
const MAX_ROLES = 8;
/** Longer bodies are kept as bytes: sending them is then no conversion. */
const TEXT_CHARACTERS = 16 * 1024;

async function readUncached(context: RouteContext, reading: Reading) {
  const filled = await fillFrom(context, reading);
  const total = await totalOf(context, reading, filled.answer.total);
  const { read, identity } = reading;
  const preferences = { ...read.preferences, count: countOf(read, identity.role) };
  const result = { ...filled, status: 'fwd=bypass' };
  return answer(reading.request, reading.reply, { ...read, preferences }, result, total);
}

/** @throws PGRST103, PGRST116 */
function answer(
  request: TableRequest,
  reply: FastifyReply,
  { query, media, preferences, location }: ReadRequest,
  result: CacheAnswer<CachedAnswer>,
  total: number | null,
) {
  assertSatisfiable(query.offset, total);
  return sendRead(request, reply, { ...result, media, offset: query.offset, total, preferences, location });
}

/** Everything of a request but its identity and its tidemark; parsed once for the same line and headers. */
function understand(
  context: RouteContext,
  request: TableRequest,
  reply: FastifyReply,
  plan: PlanMedia | undefined,
): ReadRequest {
  const { config, readRequests } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const { accept, prefer, range, 'range-unit': unit } = request.headers;
  const text = `${schema}\0${request.raw.url}\0${accept}\0${prefer}\0${range}\0${unit}`;
  const known = readRequests.get(text, catalog);
  if (known) return known;
  const media = plan?.for ?? (selectMediaType(accept, ROWS_MEDIA) as RowsMedia);
  const preferences = preferencesOf(request, catalog);
  const relation = findRelation(catalog, schema, request.params.table);
  const parsed = parseQuery(rawSearch(request));
  const page = intersectRanges({ offset: parsed.offset, limit: parsed.limit }, rangeOf(request));
  const query: Query = { ...parsed, ...page };
  checkEmbedRows(catalog, relation, query, embedLimits(config));
  const { settings } = readIdentity(request, schema);
  const key = requestKey(catalog, schema, relation, query, media, preferences.count, settings);
  const exported = exportOf(media, preferences, query, config.DB_MAX_ROWS);
  const applied = { count: preferences.count, handling: preferences.handling };
  const keyOfRole = new Map<string, string>();
  const read = {
    catalog,
    schema,
    media,
    preferences: applied,
    relation,
    query,
    exported,
    location: locationOf(relation.name, rawSearch(request)),
    key,
    keyOfRole,
    reads: undefined,
  };
  readRequests.add(text, read);
  return read;
}

/** The planner's guess would tell of rows that a policy hides from the role: there, every count is exact. */
function countOf(
  { catalog, relation, query, preferences: { count } }: ReadRequest,
  role: string,
): Preferences['count'] {
  if (count === null || count === 'exact') return count;
  return mayHideRows(catalog, relation, query, role) ? 'exact' : count;
}

/** For `estimated`, rows are counted up to the threshold. */
function optionsOf({ config }: RouteContext, read: ReadRequest, role: string): ReadOptions {
  const { media } = read;
  const count = countOf(read, role);
  const exactCount = count === 'exact' || count === 'estimated';
  const countLimit = count === 'estimated' ? config.COUNT_ESTIMATED_THRESHOLD + 1 : null;
  return { media, exactCount, countLimit, maxRows: config.DB_MAX_ROWS };
}

async function fillFrom(
  context: RouteContext,
  reading: Reading,
  guard?: ReadonlySet<number>,
  client?: Client,
): Promise<Filled<CachedAnswer>> {
  const { read, identity, asked } = reading;
  const { catalog, relation, query } = read;
  const { db, plans } = context;
  const { rows, tidemark, proven, source } = await db.read<AnswerRow & { guard?: string | null }>({
    identity,
    statement: plans.read(catalog, relation, query, optionsOf(context, read, identity.role), guard),
    ...askedBy(reading.request, ASKED, client),
    ...(asked ? { tidemark: asked } : {}),
  });
  const row: AnswerRow & { guard?: string | null } = joinRows(rows);
  const text = row.body ?? '';
  holdUntilSent(db, reading.reply, text.length);
  const filled = {
    body: text.length > TEXT_CHARACTERS ? Buffer.from(text) : text,
    etag: strongEtag(text),
    rows: Number(row.rows),
    total: row.total === null ? null : Number(row.total),
  };
  return { answer: filled, tidemark, proven, source, guard: row.guard ?? null };
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

/** As PostgREST: `estimated` is exact up to the threshold, and above it the planner's guess, but never less than was counted. */
async function totalOf(context: RouteContext, reading: Reading, counted: number | null): Promise<number | null> {
  const count = countOf(reading.read, reading.identity.role);
  if (count === 'planned') return estimate(context, reading);
  if (count !== 'estimated' || counted === null || counted <= context.config.COUNT_ESTIMATED_THRESHOLD) return counted;
  return Math.max(counted, await estimate(context, reading));
}

/** The planner's guess: one EXPLAIN, no rows read. */
async function estimate({ db }: RouteContext, reading: Reading): Promise<number> {
  const { read, identity, asked } = reading;
  const { rows } = await db.read<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>({
    identity,
    statement: planEstimate(read.catalog, read.relation, read.query),
    ...askedBy(reading.request, ASKED),
    ...(asked ? { tidemark: asked } : {}),
  });
  return rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}
