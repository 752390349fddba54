/** POST /api/v1/transaction: writes of tables and calls of functions, all or nothing, as the caller. */
import { TidemarkError } from '@tidemark/contracts';
import type { Statement, Transaction } from '@tidemark/db';
import type { Catalog, WriteRow } from '@tidemark/plan';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import type { PlannedWrite } from '../../plan/planned-write.ts';
import { translatePostgresError } from '../../reply/postgres-errors.ts';
import { type StoredReply, sendStoredReply } from '../../reply/stored-reply.ts';
import { askedBy } from '../../request/asked.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bodyOf, embedLimits, preferencesOf, rollsBack } from '../../request/parse.ts';
import { schemaOf } from '../../request/schema.ts';
import { idempotencyKeyOf, idempotentRequest } from '../../writes/idempotency/idempotency.ts';
import { withNewCatalog } from '../../writes/stale-catalog.ts';
import { type Operation, readOperations } from './operations.ts';
import { planOperation } from './plan-operation.ts';

const ROUTE = 'POST /api/v1/transaction';
const ASKED = { holder: { route: ROUTE } };
/** Runs before each operation: tells policies and functions its method and path, and clears the response that the last one set. */
const SETTINGS = `select set_config('request.method', $1, true), set_config('request.path', $2, true),
  set_config('response.headers', '', true), set_config('response.status', '', true)`;

interface PlannedOperation {
  readonly write: PlannedWrite;
  readonly statement: Statement;
}

export const transactionRoute = fp(
  async (app: BaseApp, context: RouteContext) => {
    app.post('/api/v1/transaction', (request, reply) => runTransaction(context, request, reply));
  },
  { name: 'transaction-route', dependencies: ['bodies', 'identity'] },
);

async function runTransaction(context: RouteContext, request: FastifyRequest, reply: FastifyReply) {
  const catalog = context.catalog.current();
  const run = (now: Catalog) => runWith(context, now, request, reply);
  return run(catalog).catch((error) => withNewCatalog(context.catalog, catalog, error, run));
}

async function runWith(context: RouteContext, catalog: Catalog, request: FastifyRequest, reply: FastifyReply) {
  const { config, writer } = context;
  const schema = schemaOf(request, reply, config.schemas);
  const text = bodyOf(request);
  const operations = readOperations(text, config.TRANSACTION_MAX_OPERATIONS);
  const { authenticated } = request.caller;
  const planned = operations.map((operation, index) =>
    named(operation, index, authenticated, () => {
      const write = planOperation(catalog, operation, schema, embedLimits(config));
      return { write, statement: write.statement() };
    }),
  );
  const identity = fullIdentity(request, { catalog, schema });
  const preferences = preferencesOf(request, catalog, config);
  const { tx: end } = preferences;
  const key = idempotencyKeyOf(request.headers['idempotency-key']);
  const options = {
    ...askedBy(request, ASKED),
    identity,
    rollback: rollsBack(preferences, config),
    resetAfter: catalog.changesSession,
    idempotent: idempotentRequest(key, identity, `${ROUTE} ${schema}`, [schema, text, end ?? '']),
  };
  // The locks of a function's tables include those of the operations beside it.
  const writes = planned.some(({ write }) => write.writes === 'locked')
    ? 'locked'
    : planned.flatMap(({ write }) => write.writes as readonly number[]);
  const written = await writer.transaction(options, writes, (tx) =>
    runOperations(tx, operations, planned, authenticated),
  );
  if (end) reply.header('preference-applied', `tx=${end}`);
  return sendStoredReply(reply, written.reply, written.tidemark);
}

/** Runs all operations in one round trip: Postgres skips what comes after the first that fails. */
async function runOperations(
  tx: Transaction,
  operations: readonly Operation[],
  planned: readonly PlannedOperation[],
  authenticated: boolean,
): Promise<StoredReply> {
  const sent = planned.map(({ statement }, index) => {
    const { method, target } = operations[index] as Operation;
    const path = `/${target.kind === 'rpc' ? 'rpc/' : ''}${target.name}`;
    return Promise.all([tx.query(SETTINGS, [method, path]), tx.query<WriteRow>(statement.text, statement.params)]);
  });
  const outcomes = await Promise.allSettled(sent);
  const results = outcomes.map((outcome, index) =>
    named(operations[index] as Operation, index, authenticated, () => {
      if (outcome.status === 'rejected') throw outcome.reason;
      const { write } = planned[index] as PlannedOperation;
      const row = outcome.value[1][0] as WriteRow;
      write.check(row);
      const { status, headers, body } = write.reply(row);
      const location = headers.location === undefined ? '' : `,"location":${JSON.stringify(headers.location)}`;
      return `{"status":${status}${location},"body":${body === '' ? 'null' : body}}`;
    }),
  );
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return { status: 200, headers, body: `{"results":[${results.join(',')}]}` };
}

function named<T>(operation: Operation, index: number, authenticated: boolean, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const known = translatePostgresError(error as Error, authenticated) ?? error;
    if (!(known instanceof TidemarkError)) throw error;
    const { code, status, message, details, hint, retryAfter, publicMessage, publicDetails } = known;
    const at = `operations[${index}] (${operation.method} ${operation.target.name.slice(0, 63)})`;
    const behind = (text: string | null) => (text === null ? at : `${at}: ${text}`);
    throw new TidemarkError(
      {
        code,
        status,
        message,
        hint,
        details: behind(details),
        publicMessage,
        publicDetails: behind(publicDetails),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      },
      { cause: error },
    );
  }
}
