/** POST, PATCH, PUT and DELETE /rest/v1/:table. */
import type { Catalog, Payload } from '@tidemark/plan';
import { contentType } from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import { postgrest } from '../../errors.ts';
import { type TableWrite, WRITE_METHODS, type WriteMethod, WritePlan } from '../../plan/table-write.ts';
import { sendPlan, tellsOfHidden } from '../../reply/explain.ts';
import { sendStoredReply } from '../../reply/stored-reply.ts';
import { askedBy } from '../../request/asked.ts';
import { clientOf } from '../../request/client.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { ROWS_MEDIA } from '../../request/media.ts';
import {
  bodyOf,
  contentTypeOf,
  embedLimits,
  headersText,
  preferencesOf,
  rawSearch,
  rollsBack,
} from '../../request/parse.ts';
import { askedPlan } from '../../request/plan-media.ts';
import { schemaOf } from '../../request/schema.ts';
import { rowOf } from '../../writes/group-commit/insert-plans.ts';
import { idempotencyKeyOf, idempotentRequest } from '../../writes/idempotency/idempotency.ts';
import { checkPerRow, writePerRow } from '../../writes/per-row.ts';
import {
  asPreconditionFailure,
  checkPreconditions,
  type Preconditions,
  preconditionsOf,
} from '../../writes/preconditions.ts';
import { isOfFormerSchema, withNewCatalog } from '../../writes/stale-catalog.ts';
import { runPlanned, type Written } from '../../writes/writer.ts';

/** A client that means every row says so with this header. */
const UNFILTERED_HEADER = 'tidemark-unfiltered';

type TableRequest = FastifyRequest<{ Params: { table: string } }>;

interface Asked {
  catalog: Catalog;
  method: WriteMethod;
  request: TableRequest;
}

interface Call extends Asked {
  schema: string;
}

export const tableWriteRoutes = fp(
  async (app: BaseApp, context: RouteContext) => {
    for (const method of WRITE_METHODS) {
      app.route<{ Params: { table: string } }>({
        method,
        url: '/rest/v1/:table',
        handler: (request, reply) => writeTable(context, method, request, reply),
      });
    }
  },
  { name: 'table-write-routes', dependencies: ['bodies', 'identity'] },
);

function writeTable(context: RouteContext, method: WriteMethod, request: TableRequest, reply: FastifyReply) {
  // The root has the description of the API, which is only read.
  if (request.params.table === '') throw postgrest.PGRST117({ method });
  const catalog = context.catalog.current();
  const again = (error: unknown) =>
    withNewCatalog(context.catalog, catalog, error, (now) =>
      Promise.resolve(writeWith(context, { catalog: now, method, request }, reply)),
    );
  const failed = (error: unknown) => {
    again(error).catch((last) => reply.send(last));
  };
  try {
    return writeWith(context, { catalog, method, request }, reply, failed)?.catch(again);
  } catch (error) {
    return again(error);
  }
}

/**
 * The reply comes by the promise. With `failed`, an insert may be joined with others, and its reply comes by callback.
 */
function writeWith(
  context: RouteContext,
  { catalog, method, request }: Asked,
  reply: FastifyReply,
  failed?: (error: unknown) => void,
): Promise<unknown> | undefined {
  const { config, writer } = context;
  const schema = schemaOf(request, reply, config.schemas);
  const call = { catalog, schema, method, request };
  const media = askedPlan(request.headers.accept, ROWS_MEDIA, config, request.caller.role);
  if (media) {
    const plan = planOf(context, call, undefined, contentType(media.for));
    return sendPlan(context.db, request, reply, {
      media,
      statement: plan.with(bodyOf(request)).statement(),
      identity: fullIdentity(request, { catalog, schema, timezone: plan.head.preferences.timezone }),
      asked: { holder: { route: `${method} /rest/v1/:table` } },
      writes: true,
      tellsOfHidden: tellsOfHidden(catalog, plan.relation, plan.query, request.caller.role),
    });
  }
  const conditions = preconditionsOf(request, method);
  const key = idempotencyKeyOf(request.headers['idempotency-key']);
  const send = ({ reply: stored, tidemark }: Written) => sendStoredReply(reply, stored, tidemark);
  if (method !== 'POST' || conditions || key !== undefined) {
    const write = planOf(context, call, conditions).with(bodyOf(request));
    return execute(context, request, write, conditions, key).then(send);
  }
  const plan = writer.plans.of(catalog, kindOf(request, schema), () => planOf(context, call));
  const write = plan.write.with(bodyOf(request));
  // A group has no trace of its own, so that a traced request runs alone.
  const joins =
    failed !== undefined &&
    config.INSERT_GROUP_ROWS > 1 &&
    request.trace?.sampled !== true &&
    // The function may treat each request in its own way.
    request.caller.statements.preRequest === null &&
    !rollsBack(plan.write.head.preferences, config);
  const shape = joins ? writer.plans.shape(plan, write) : undefined;
  if (shape === undefined || failed === undefined)
    return execute(context, request, write, undefined, undefined).then(send);
  const { timezone } = write.plan.head.preferences;
  const identity = () => fullIdentity(request, { catalog, schema, timezone });
  writer.groups.submit({
    queue: plan.queueOf(shape, request.caller, identity),
    table: write.plan.relation.oid,
    row: rowOf(write.payload as Payload),
    grouped: shape,
    client: clientOf(request),
    identity,
    alone: () => write.statement(),
    resetAfter: catalog.changesSession,
    done: (row, tidemark) => {
      sendStoredReply(reply, write.reply(row), tidemark);
    },
    failed,
  });
  return undefined;
}

function kindOf({ headers, raw }: TableRequest, schema: string): string {
  return `${raw.url}\n${schema}\n${headersText(headers['content-type'], headers.accept, headers.prefer as string | undefined)}`;
}

function planOf(
  { config }: RouteContext,
  { catalog, schema, method, request }: Call,
  conditions?: Preconditions,
  accept: string | undefined = request.headers.accept,
): WritePlan {
  const preferences = preferencesOf(request, catalog, config);
  const head = {
    method,
    schema,
    table: request.params.table,
    search: rawSearch(request),
    accept,
    contentType: contentTypeOf(request),
    // With If-None-Match: * an existing row is a failed precondition, and not one to merge into.
    preferences: conditions && method === 'POST' ? { ...preferences, resolution: null } : preferences,
    unfiltered: request.headers[UNFILTERED_HEADER] === 'allow',
  };
  return new WritePlan(catalog, head, embedLimits(config));
}

async function execute(
  { config, writer, catalog: follower }: RouteContext,
  request: TableRequest,
  write: TableWrite,
  conditions: Preconditions | undefined,
  key: string | undefined,
): Promise<Written> {
  const { method, schema, table, search, contentType: type, preferences } = write.plan.head;
  const perRow = preferences.results === 'per-row';
  if (perRow) checkPerRow(write, config.PER_ROW_MAX_ROWS);
  const { catalog } = write.plan;
  const identity = fullIdentity(request, { catalog, schema, timezone: preferences.timezone });
  const { accept, prefer, 'if-match': match, 'if-none-match': none } = request.headers;
  const content = [method, schema, table, search, type, write.body, accept, prefer?.toString(), match, none];
  const options = {
    ...askedBy(request, { holder: { route: `${method} /rest/v1/:table` } }),
    identity,
    rollback: rollsBack(preferences, config),
    resetAfter: catalog.changesSession,
    idempotent: idempotentRequest(key, identity, `${method} /rest/v1/${schema}.${table}`, content),
  };
  if (!conditions && !perRow) return writer.write(write, options);
  const isolation = conditions ? ({ isolation: 'repeatable read' } as const) : {};
  try {
    return await writer.transaction({ ...options, ...isolation }, write.writes, async (tx) => {
      if (conditions) await checkPreconditions(tx, write, conditions, config.DB_MAX_ROWS);
      if (!perRow) return runPlanned(tx, write);
      return writePerRow(tx, write, request.caller.authenticated, config.ANSWER_MAX_BYTES, (error) =>
        isOfFormerSchema(follower, catalog, error),
      );
    });
  } catch (error) {
    throw conditions ? asPreconditionFailure(error, conditions) : error;
  }
}
