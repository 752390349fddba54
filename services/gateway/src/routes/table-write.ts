/** POST, PATCH, PUT and DELETE /rest/v1/:table */
import type { Identity } from '@tidemark/db';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Catalog } from '../catalog/catalog.ts';
import type { WriteRow } from '../plan/write.ts';
import { fullIdentity } from '../reply/identity-settings.ts';
import { schemaOf } from '../reply/schema.ts';
import { sendAnswered } from '../writes/answered.ts';
import { executeWrite } from '../writes/execute-write.ts';
import { idempotencyKeyOf, idempotentRequest } from '../writes/idempotency.ts';
import { insertOf } from '../writes/insert-lane.ts';
import { refusePerRow, writePerRow } from '../writes/per-row.ts';
import {
  asPreconditionFailure,
  checkPreconditions,
  type Preconditions,
  preconditionsOf,
} from '../writes/preconditions.ts';
import { planTableWrite, type TableWrite, WRITE_METHODS, type WriteMethod } from '../writes/table-write-plan.ts';
import type { Writer } from '../writes/writer.ts';
import type { RouteContext } from './context.ts';
import { bodyOf, contentTypeOf, preferencesOf, rawSearch } from './request.ts';

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

async function writeTable(context: WriteContext, method: WriteMethod, request: TableRequest, reply: FastifyReply) {
  const { config, db, writer } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const conditions = preconditionsOf(request, method);
  const key = idempotencyKeyOf(request.headers['idempotency-key']);
  const asked = preferencesOf(request, catalog);
  const write = planTableWrite(catalog, {
    ...{ method, schema, table: request.params.table, search: rawSearch(request), accept: request.headers.accept },
    contentType: contentTypeOf(request),
    body: bodyOf(request),
    // With If-None-Match: * a row that exists is a failed precondition, and not one to merge into.
    preferences: conditions && method === 'POST' ? { ...asked, resolution: null } : asked,
    unfiltered: request.headers[UNFILTERED_HEADER] === 'allow',
  });
  const perRow = asked.results === 'per-row';
  if (perRow) refusePerRow(write, config.PER_ROW_MAX_ROWS);
  const identity = fullIdentity(request, schema);
  const rollback = asked.tx === 'rollback';

  if (conditions || key !== undefined || perRow) {
    const { answered, tidemark } = await transact(context, catalog, request, write, identity, conditions, key);
    return sendAnswered(reply, answered, tidemark);
  }
  const insert = config.INSERT_GROUP_ROWS > 1 ? insertOf(catalog, write, identity) : undefined;
  const { row, tidemark } = insert
    ? await writer.groups.submit(insert)
    : await executeWrite<WriteRow>(db, {
        ...{ statement: write.statement(), identity, rollback, holder: { route: `${method} /rest/v1/:table` } },
        ...(write.mustCheck ? { check: (written: WriteRow) => write.check(written) } : {}),
      });
  return sendAnswered(reply, write.answer(row), tidemark);
}

async function transact(
  { config, writer }: WriteContext,
  catalog: Catalog,
  request: TableRequest,
  write: TableWrite,
  identity: Identity,
  conditions: Preconditions | undefined,
  key: string | undefined,
) {
  const { method, schema, table, search, contentType, body, preferences } = write.parts;
  const { accept, prefer, 'if-match': match, 'if-none-match': none } = request.headers;
  const content = [method, schema, table, search, contentType, body, accept, String(prefer), match, none];
  const route = `${method} /rest/v1/${schema}.${table}`;
  try {
    return await writer.transaction({
      ...{ identity, holder: { route: `${method} /rest/v1/:table` }, rollback: preferences.tx === 'rollback' },
      ...(conditions ? { isolation: 'repeatable read' } : {}),
      idempotent: key === undefined ? undefined : idempotentRequest(key, identity, route, content),
      async work(tx) {
        if (conditions) await checkPreconditions(tx, catalog, write, conditions, config.DB_MAX_ROWS);
        if (preferences.results === 'per-row') return writePerRow(tx, write, request.caller.authenticated);
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
