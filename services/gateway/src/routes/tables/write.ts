/** POST, PATCH, PUT and DELETE /rest/v1/:table */

import type { Identity } from '@tidemark/db';
import { type Catalog, checkEmbedRows, type Payload, type WriteRow } from '@tidemark/plan';
import { contentType } from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RouteContext } from '../../context.ts';
import { identityOf } from '../../http/limits/identity-of.ts';
import { clientOf } from '../../http/plugins/request-client.ts';
import { askedBy } from '../../http/tracing/request-trace.ts';
import { type TableWrite, WRITE_MEDIA, WRITE_METHODS, type WriteMethod, WritePlan } from '../../plan/table-write.ts';
import { sendPlan, tellsOfHidden } from '../../reply/explain.ts';
import { sendStoredReply } from '../../reply/stored-reply.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bodyOf, contentTypeOf, embedLimits, preferencesOf, rawSearch } from '../../request/parse.ts';
import { askedPlan } from '../../request/plan-media.ts';
import { schemaOf } from '../../request/schema.ts';
import { executeWrite } from '../../writes/execute-write.ts';
import { rowOf } from '../../writes/group-commit/insert-plans.ts';
import { idempotencyKeyOf, idempotentRequest } from '../../writes/idempotency/idempotency.ts';
import { refusePerRow, writePerRow } from '../../writes/per-row.ts';
import {
  asPreconditionFailure,
  checkPreconditions,
  type Preconditions,
  preconditionsOf,
} from '../../writes/preconditions.ts';
import type { Writer } from '../../writes/writer.ts';

/** A client that means every row says so with this header. */
const UNFILTERED_HEADER = 'tidemark-unfiltered';

type TableRequest = FastifyRequest<{ Params: { table: string } }>;
type WriteContext = RouteContext & { writer: Writer };

export function registerTableWrites(app: BaseApp, context: WriteContext): void {
  for (const method of WRITE_METHODS) {
    app.route<{ Params: { table: string } }>({
      method,
      url: '/rest/v1/:table',
      handler: (request, reply) => writeTable(context, method, request, reply),
    });
  }
}

/** An insert that may be joined is answered by callback; anything else by the promise. */
function writeTable(context: WriteContext, method: WriteMethod, request: TableRequest, reply: FastifyReply) {
  const { config, writer } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const media = askedPlan(request.headers.accept, WRITE_MEDIA, config, request.caller.role);
  if (media) {
    const write = planOf(context, catalog, method, request, schema, undefined, contentType(media.for)).with(
      bodyOf(request),
    );
    const asked = { holder: { route: `${method} /rest/v1/:table` } };
    const explaining = {
      media,
      statement: write.statement(),
      identity: fullIdentity(request, schema),
      asked,
      writes: true,
      tellsOfHidden: tellsOfHidden(catalog, write.relation, write.query, request.caller.role),
    };
    return sendPlan(context.db, request, reply, explaining);
  }
  const conditions = preconditionsOf(request, method);
  const key = idempotencyKeyOf(request.headers['idempotency-key']);
  if (method !== 'POST' || conditions || key !== undefined) {
    const write = planOf(context, catalog, method, request, schema, conditions).with(bodyOf(request));
    return execute(context, request, reply, write, schema, conditions, key);
  }
  const plan = writer.plans.of(catalog, kindOf(request, schema), () =>
    planOf(context, catalog, method, request, schema),
  );
  const write = plan.write.with(bodyOf(request));
  // A group has no trace of its own: what is traced flies alone.
  const joins = config.INSERT_GROUP_ROWS > 1 && request.trace?.sampled !== true;
  const shape = joins ? writer.plans.shape(plan, write) : undefined;
  if (shape === undefined) return execute(context, request, reply, write, schema, undefined, undefined);
  const identity = () => fullIdentity(request, schema);
  writer.groups.submit({
    queue: plan.queueOf(shape, request.caller, identity),
    row: rowOf(write.payload as Payload),
    grouped: shape,
    client: clientOf(request),
    owner: () => identityOf(request),
    identity,
    alone: () => write.statement(),
    done: (row, tidemark) => {
      sendStoredReply(reply, write.answer(row), tidemark);
    },
    failed: (error) => {
      reply.send(error);
    },
  });
  return undefined;
}

/** All that decides how a POST is planned. */
function kindOf({ headers, raw }: TableRequest, schema: string): string {
  return `${raw.url}\n${schema}\n${headers['content-type']}\n${headers.accept}\n${headers.prefer}`;
}

function planOf(
  { config }: RouteContext,
  catalog: Catalog,
  method: WriteMethod,
  request: TableRequest,
  schema: string,
  conditions?: Preconditions,
  accept: string | undefined = request.headers.accept,
): WritePlan {
  const asked = preferencesOf(request, catalog);
  const plan = new WritePlan(catalog, {
    ...{ method, schema, table: request.params.table, search: rawSearch(request), accept },
    contentType: contentTypeOf(request),
    // With If-None-Match: * a row that exists is a failed precondition, and not one to merge into.
    preferences: conditions && method === 'POST' ? { ...asked, resolution: null } : asked,
    unfiltered: request.headers[UNFILTERED_HEADER] === 'allow',
  });
  checkEmbedRows(catalog, plan.relation, plan.query, embedLimits(config));
  return plan;
}

async function execute(
  context: WriteContext,
  request: TableRequest,
  reply: FastifyReply,
  write: TableWrite,
  schema: string,
  conditions: Preconditions | undefined,
  key: string | undefined,
) {
  const { method, preferences } = write.parts;
  const perRow = preferences.results === 'per-row';
  if (perRow) refusePerRow(write, context.config.PER_ROW_MAX_ROWS);
  const identity = fullIdentity(request, schema);
  if (conditions || key !== undefined || perRow) {
    const { answered, tidemark } = await transact(context, request, write, identity, conditions, key);
    return sendStoredReply(reply, answered, tidemark);
  }
  const { row, tidemark } = await executeWrite<WriteRow>(context.db, {
    ...{ statement: write.statement(), identity, rollback: preferences.tx === 'rollback' },
    ...askedBy(request, { holder: { route: `${method} /rest/v1/:table` } }),
    ...(write.mustCheck ? { check: (written: WriteRow) => write.check(written) } : {}),
  });
  return sendStoredReply(reply, write.answer(row), tidemark);
}

async function transact(
  { config, writer }: WriteContext,
  request: TableRequest,
  write: TableWrite,
  identity: Identity,
  conditions: Preconditions | undefined,
  key: string | undefined,
) {
  const { body, plan } = write;
  const { method, schema, table, search, contentType, preferences } = write.parts;
  const { accept, prefer, 'if-match': match, 'if-none-match': none } = request.headers;
  const content = [method, schema, table, search, contentType, body, accept, String(prefer), match, none];
  const route = `${method} /rest/v1/${schema}.${table}`;
  try {
    return await writer.transaction({
      ...{ identity, rollback: preferences.tx === 'rollback' },
      ...askedBy(request, { holder: { route: `${method} /rest/v1/:table` } }),
      ...(conditions ? { isolation: 'repeatable read' } : {}),
      idempotent: key === undefined ? undefined : idempotentRequest(key, identity, route, content),
      async work(tx) {
        if (conditions) await checkPreconditions(tx, plan.catalog, write, conditions, config.DB_MAX_ROWS);
        if (preferences.results === 'per-row')
          return writePerRow(tx, write, request.caller.authenticated, config.ANSWER_MAX_BYTES);
        const { text, params } = write.statement();
        const [row] = await tx.query<WriteRow>(text, params);
        write.check(row as WriteRow);
        return write.answer(row as WriteRow);
      },
    });
  } catch (error) {
    throw conditions ? asPreconditionFailure(error, conditions) : error;
  }
}
