/** GET, HEAD and POST /rest/v1/rpc/:function. */

import type { WriteRow } from '@tidemark/plan';
import { returnsScalars } from '@tidemark/plan';
import { intersectRanges, type Preferences, type Query } from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import { errors, postgrest } from '../../errors.ts';
import { FunctionCall } from '../../plan/function-call.ts';
import { sendPlan } from '../../reply/explain.ts';
import { sendStoredReply } from '../../reply/stored-reply.ts';
import { askedBy } from '../../request/asked.ts';
import { clientOf } from '../../request/client.ts';
import { exportOf } from '../../request/export-request.ts';
import { parseBodyCall, parseGetCall } from '../../request/function-arguments.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { ROWS_MEDIA, VALUE_MEDIA } from '../../request/media.ts';
import { chooseMedia } from '../../request/own-media.ts';
import {
  bodyOf,
  contentTypeOf,
  embedLimits,
  preferencesOf,
  rangeOf,
  rawSearch,
  rollsBack,
  tidemarkOf,
} from '../../request/parse.ts';
import { askedPlan } from '../../request/plan-media.ts';
import { schemaOf } from '../../request/schema.ts';
import { idempotencyKeyOf, idempotentRequest } from '../../writes/idempotency/idempotency.ts';

type CallRequest = FastifyRequest<{ Params: { function: string } }>;

export const rpcRoute = fp(
  async (app: BaseApp, context: RouteContext) => {
    app.route<{ Params: { function: string } }>({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url: '/rest/v1/rpc/:function',
      handler: (request, reply) => callFunction(context, request, reply),
    });
  },
  { name: 'rpc-route', dependencies: ['bodies', 'identity'] },
);

async function callFunction(context: RouteContext, request: CallRequest, reply: FastifyReply) {
  const { config, db, writer } = context;
  const { accept, prefer } = request.headers;
  if (request.params.function === '') throw postgrest.PGRST125();
  const isGet = request.method === 'GET' || request.method === 'HEAD';
  if (!isGet && request.method !== 'POST') throw postgrest.PGRST101({ method: request.method });
  const key = isGet ? undefined : idempotencyKeyOf(request.headers['idempotency-key']);
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const plan = askedPlan(accept, VALUE_MEDIA, config, request.caller.role);
  const preferences = preferencesOf(request, catalog, config);
  const name = request.params.function;
  const search = rawSearch(request);
  const body = isGet ? '' : bodyOf(request);
  const parsed = isGet
    ? parseGetCall(catalog, schema, name, search)
    : parseBodyCall(catalog, schema, name, { search, contentType: contentTypeOf(request), body });
  const { routine } = parsed;
  const available = returnsScalars(routine) ? VALUE_MEDIA : ROWS_MEDIA;
  const choice = { catalog, relation: routine.resultRelation, routine, query: parsed.query };
  const media = plan?.for ?? chooseMedia(accept, available, choice);
  const { offset, limit } = parsed.query;
  const query: Query = { ...parsed.query, ...intersectRanges({ offset, limit }, isGet ? rangeOf(request) : null) };
  const call = new FunctionCall(catalog, {
    ...parsed,
    query,
    media,
    exactCount: preferences.count !== null,
    preferences: appliedTo(isGet, preferences),
    limits: embedLimits(config),
  });
  const { timezone } = preferences;
  const identity = fullIdentity(request, { catalog, schema, timezone });
  const resetAfter = catalog.changesSession;
  const { timeoutMs } = routine;
  const tidemark = tidemarkOf(request, query);
  const holder = { route: `${request.method} /rest/v1/rpc/:function` };

  // A set is what can be long. CSV of scalars has no header line, and stays a page.
  const mayExport = request.method === 'GET' && !plan && routine.returnsSet;
  const isScalarCsv = returnsScalars(routine) && media.kind === 'csv';
  const exported = mayExport && !isScalarCsv ? exportOf(media, preferences, query, config.DB_MAX_ROWS) : null;
  if (exported !== null) {
    return context.exporter.send(reply, {
      request: exported,
      statement: call.exportStatement(),
      identity,
      tidemark,
      route: 'GET /rest/v1/rpc/:function',
      values: returnsScalars(routine),
      resetAfter,
      client: clientOf(request),
    });
  }
  if (plan) {
    return sendPlan(db, request, reply, {
      media: plan,
      statement: call.statement(),
      identity,
      asked: { holder },
      writes: !isGet && routine.volatility === 'volatile',
      // A function may read anything.
      tellsOfHidden: !catalog.bypassing.has(identity.role),
    });
  }
  if (key !== undefined && call.returnsBytes) {
    throw errors.IDEMPOTENCY_KEY({ reason: 'a reply of bytes is not kept' });
  }
  const asked = askedBy(request, { holder });
  if (key === undefined && (isGet || routine.volatility !== 'volatile')) {
    const { rows, ...read } = await db.read<WriteRow>({
      identity,
      statement: call.statement(),
      resetAfter,
      ...(timeoutMs !== null && { timeoutMs }),
      ...asked,
      ...(tidemark ? { tidemark } : {}),
    });
    const row = rows[0] as WriteRow;
    call.check(row);
    return send(reply, call, { reply: call.reply(row), ...read });
  }
  const content = [search, contentTypeOf(request), body, accept, prefer?.toString()];
  const written = await writer.write(call, {
    ...asked,
    identity,
    rollback: rollsBack(preferences, config),
    resetAfter,
    ...(timeoutMs !== null && { timeoutMs }),
    idempotent: idempotentRequest(key, identity, `POST /rest/v1/rpc/${schema}.${routine.name}`, content),
  });
  return send(reply, call, written);
}

function send(
  reply: FastifyReply,
  { returnsBytes }: FunctionCall,
  { reply: stored, tidemark, source }: Awaited<ReturnType<RouteContext['writer']['write']>> & { source?: string },
) {
  const body = returnsBytes ? Buffer.from(stored.body, 'base64') : stored.body;
  return sendStoredReply(reply, { ...stored, body }, tidemark, source);
}

function appliedTo(isGet: boolean, preferences: Preferences): Preferences {
  return { ...preferences, resolution: null, missing: null, return: null, tx: isGet ? null : preferences.tx };
}
