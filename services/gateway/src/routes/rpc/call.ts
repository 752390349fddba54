/** GET, HEAD and POST /rest/v1/rpc/:function */

import type { Statement, WriteRequest } from '@tidemark/db';
import {
  answersBytes,
  type CallArguments,
  type Catalog,
  checkEmbedRows,
  chooseRoutine,
  planCall,
  planCallExport,
  type Routine,
  returnsScalars,
  takesBody,
  type WriteRow,
} from '@tidemark/plan';
import {
  intersectRanges,
  type Preferences,
  parseQuery,
  type Query,
  type RowsMedia,
  selectMediaType,
} from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOCKED, type LockedRow, wroteLocked } from '../../cache/own-writes.ts';
import type { RouteContext } from '../../context.ts';
import { errors, postgrest } from '../../errors.ts';
import { clientOf } from '../../http/plugins/request-client.ts';
import { type Asked, askedBy } from '../../http/tracing/request-trace.ts';
import { applyResponseSettings, isObject, send, sendRows } from '../../reply/answer.ts';
import { sendPlan } from '../../reply/explain.ts';
import { sendStoredReply } from '../../reply/stored-reply.ts';
import { type ExportRequest, exportOf } from '../../request/export-request.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import {
  bodyOf,
  contentTypeOf,
  embedLimits,
  preferencesOf,
  rangeOf,
  rawSearch,
  tidemarkOf,
} from '../../request/parse.ts';
import { askedPlan } from '../../request/plan-media.ts';
import { schemaOf } from '../../request/schema.ts';
import { idempotencyKeyOf } from '../../writes/idempotency/idempotency.ts';
import { callIdempotently } from '../../writes/idempotency/idempotent-call.ts';
import type { Writer } from '../../writes/writer.ts';
import { READ_MEDIA } from '../tables/read.ts';

/** A value can also be sent as it is; rows cannot. */
const CALL_MEDIA = [...READ_MEDIA, 'text', 'octet-stream'] as const;

type CallContext = RouteContext & { writer: Writer };
type CallRequest = FastifyRequest<{ Params: { function: string } }>;

export function registerRpc(app: BaseApp, context: CallContext): void {
  app.route<{ Params: { function: string } }>({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/rest/v1/rpc/:function',
    handler: (request, reply) => call(context, request, reply),
  });
}

async function call(context: CallContext, request: CallRequest, reply: FastifyReply) {
  const { config } = context;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (!reads && request.method !== 'POST') throw postgrest.PGRST101({ method: request.method });
  const key = reads ? undefined : idempotencyKeyOf(request.headers['idempotency-key']);
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const plan = askedPlan(request.headers.accept, CALL_MEDIA, config, request.caller.role);
  const preferences = preferencesOf(request, catalog);
  const { routine, query, args } = reads ? callByGet(catalog, schema, request) : callByPost(catalog, schema, request);
  const offered = returnsScalars(routine) ? CALL_MEDIA : READ_MEDIA;
  const media = plan?.for ?? (selectMediaType(request.headers.accept, offered) as RowsMedia);
  const ranged: Query = {
    ...query,
    ...intersectRanges({ offset: query.offset, limit: query.limit }, reads ? rangeOf(request) : null),
  };
  const { resultRelation: of } = routine;
  checkEmbedRows(catalog, of ? (catalog.relation(of.schema, of.name) ?? null) : null, ranged, embedLimits(config));
  if (ranged.after !== null) {
    throw errors.KEYSET({ reason: 'those of a function have no key', hint: 'Page by limit and offset.' });
  }
  const exported =
    request.method === 'GET' && !plan ? exportOfCall(routine, media, preferences, ranged, config.DB_MAX_ROWS) : null;
  if (exported !== null) {
    return context.exporter.send(reply, {
      ...{ request: exported, statement: planCallExport(catalog, routine, ranged, args) },
      ...{ identity: fullIdentity(request, schema), tidemark: tidemarkOf(request, ranged) },
      route: 'GET /rest/v1/rpc/:function',
      values: returnsScalars(routine),
      client: clientOf(request),
    });
  }
  const statement = planCall(catalog, routine, ranged, args, {
    media,
    exactCount: preferences.count !== null,
    maxRows: config.DB_MAX_ROWS,
  });
  const identity = fullIdentity(request, schema);
  const holder = { route: `${request.method} /rest/v1/rpc/:function` };
  if (plan) {
    const writes = !reads && routine.volatility === 'volatile';
    // Nothing is known of what a function reads.
    const tellsOfHidden = !catalog.bypassing.has(identity.role);
    const explaining = { media: plan, statement, identity, asked: { holder }, writes, tellsOfHidden };
    return sendPlan(context.db, request, reply, explaining);
  }
  const asked = askedBy(request, { holder });
  if (key !== undefined) {
    if (answersBytes(routine, media)) throw errors.IDEMPOTENCY_KEY({ reason: 'an answer of bytes is not kept' });
    const { accept, prefer } = request.headers;
    let locked: LockedRow | undefined;
    const { answered, tidemark } = await callIdempotently(context.writer, {
      ...{ key, schema, routine, statement, identity, asked, offset: ranged.offset },
      ...{ media: scalarMedia(media, routine), preferences: applied(preferences, reads) },
      content: [rawSearch(request), contentTypeOf(request), bodyOf(request), accept, String(prefer)],
      ...(context.cache ? { seesLocks: (row: LockedRow) => (locked = row) } : {}),
    });
    wroteLocked(context, locked, tidemark);
    return sendStoredReply(reply, answered, tidemark);
  }
  const { row, tidemark, source } =
    reads || routine.volatility !== 'volatile'
      ? await read(context, statement, identity, asked, tidemarkOf(request, ranged))
      : await write(context, { identity, ...asked, rollback: preferences.tx === 'rollback' }, statement);

  const answer = {
    media: scalarMedia(media, routine),
    body: answersBytes(routine, media) && row.body !== null ? Buffer.from(row.body, 'base64') : row.body,
    rows: Number(row.rows),
    offset: ranged.offset,
    total: row.total === null ? null : Number(row.total),
    tidemark,
    source,
    preferences: applied(preferences, reads),
  };
  if (routine.returnsVoid) {
    reply.code(204);
    applyResponseSettings(reply, row.headers, row.status);
    return send(reply, { ...answer, body: null });
  }
  if (isObject(answer.media) && routine.returnsSet) return sendRows(reply, answer);
  if (routine.returnsSet) {
    reply.code(answer.total !== null && answer.rows < answer.total ? 206 : 200);
    reply.header('content-range', rangeText(answer));
  }
  applyResponseSettings(reply, row.headers, row.status);
  return send(reply, answer);
}

/** A set is what can be long. CSV of scalars has no header, and stays a page. */
function exportOfCall(
  routine: Routine,
  media: RowsMedia,
  preferences: Preferences,
  query: Query,
  maxRows: number,
): ExportRequest | null {
  if (!routine.returnsSet || (returnsScalars(routine) && media.kind === 'csv')) return null;
  return exportOf(media, preferences, query, maxRows);
}

const rangeText = ({ rows, offset, total }: { rows: number; offset: number; total: number | null }) =>
  `${rows > 0 ? `${offset}-${offset + rows - 1}` : '*'}/${total ?? '*'}`;

async function write(context: RouteContext, options: Omit<WriteRequest, 'statements'>, statement: Statement) {
  const { db, cache } = context;
  const { results, tidemark } = await db.write({ ...options, statements: cache ? [statement, LOCKED] : [statement] });
  wroteLocked(context, results[1]?.[0] as LockedRow | undefined, tidemark);
  return { row: results[0]?.[0] as WriteRow, tidemark, source: 'primary' };
}

async function read(
  context: RouteContext,
  statement: Statement,
  identity: Parameters<RouteContext['db']['read']>[0]['identity'],
  asked: Asked,
  tidemark: string | undefined,
) {
  const result = await context.db.read<WriteRow>({ identity, statement, ...asked, ...(tidemark ? { tidemark } : {}) });
  return { row: result.rows[0] as WriteRow, tidemark: result.tidemark, source: result.source as string };
}

function callByGet(catalog: Catalog, schema: string, request: CallRequest) {
  const search = rawSearch(request);
  const first = parseQuery(search, { target: 'function' });
  const candidates = catalog.routines(schema, request.params.function);
  const names = new Set(candidates.flatMap((routine) => routine.args.map((argument) => argument.name)));
  // Of a function of no arguments every pair is a filter; otherwise a pair is an argument by its name.
  const given = [...new Set(first.args.map(([key]) => key))].filter((key) => names.size === 0 || names.has(key));
  const exact =
    candidates.some((routine) => routine.args.length === 0 && routine.resultColumns !== null) && names.size === 0;
  const routine = chooseRoutine(catalog, schema, request.params.function, exact ? [] : given, null);
  const argumentNames = new Set(routine.args.map((argument) => argument.name));
  const query = parseQuery(search, { target: 'function', argumentNames });
  const args: CallArguments = { kind: 'pairs', pairs: query.args };
  return { routine, query, args };
}

function callByPost(catalog: Catalog, schema: string, request: CallRequest) {
  const name = request.params.function;
  const type = contentTypeOf(request);
  const text = bodyOf(request);
  const query = parseQuery(rawSearch(request));
  if (type.startsWith('application/x-www-form-urlencoded')) {
    const pairs = [...new URLSearchParams(text)];
    const routine = chooseRoutine(catalog, schema, name, [...new Set(pairs.map(([key]) => key))], null);
    return { routine, query, args: { kind: 'pairs', pairs } as CallArguments };
  }
  const isJson = type.startsWith('application/json');
  const keys = isJson ? objectKeys(text) : null;
  const routine = chooseRoutine(catalog, schema, name, keys ?? ['?'], type);
  if (takesBody(routine, type)) return { routine, query, args: { kind: 'body', text } as CallArguments };
  const args: CallArguments = { kind: 'json', text: text.trim() === '' ? '{}' : text, keys: keys ?? [] };
  return { routine, query, args };
}

/** Keys of the JSON object; null for JSON that is none, which only a function that takes the whole body can use. */
function objectKeys(text: string): string[] | null {
  if (text.trim() === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST102(
      { reason: 'Empty or invalid json', hint: 'Send the arguments as one JSON object.' },
      { cause },
    );
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.keys(parsed) : null;
}

/** A scalar has no array around it, so an answer that asks for one object gets it as it is. */
function scalarMedia(media: RowsMedia, routine: Routine): RowsMedia {
  const scalar = routine.resultColumns === null && !routine.resultRelation;
  return scalar && media.kind === 'array' ? { kind: 'json', nullsStripped: false } : media;
}

function applied(preferences: Preferences, reads: boolean): Preferences {
  return { ...preferences, resolution: null, missing: null, return: null, tx: reads ? null : preferences.tx };
}
