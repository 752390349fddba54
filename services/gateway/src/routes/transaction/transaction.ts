/** POST /api/v1/transaction: writes of tables and calls of functions, all or nothing, as the caller. */

import { TidemarkError } from '@tidemark/contracts';
import type { Transaction } from '@tidemark/db';
import type { WriteRow } from '@tidemark/plan';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOCKED, type LockedRow, wroteLocked, wroteTable } from '../../cache/own-writes.ts';
import type { RouteContext } from '../../context.ts';
import { askedBy } from '../../http/tracing/request-trace.ts';
import { type PlannedOperation, planOperation } from '../../plan/operation.ts';
import { translatePostgresError } from '../../reply/postgres-errors.ts';
import { type StoredReply, sendStoredReply } from '../../reply/stored-reply.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bodyOf, embedLimits, preferencesOf } from '../../request/parse.ts';
import { schemaOf } from '../../request/schema.ts';
import { idempotencyKeyOf, idempotentRequest } from '../../writes/idempotency/idempotency.ts';
import type { Writer } from '../../writes/writer.ts';
import { type Operation, readOperations } from './operations.ts';

const ROUTE = 'POST /api/v1/transaction';
const ASKED = { holder: { route: ROUTE } };
/** What a policy or function may look at, set before each operation; and what the one before it may have left behind. */
const SETTINGS = `select set_config('request.method', $1, true), set_config('request.path', $2, true),
  set_config('response.headers', '', true), set_config('response.status', '', true)`;

type TransactionContext = RouteContext & { writer: Writer };

export function registerTransaction(app: BaseApp, context: TransactionContext): void {
  app.post('/api/v1/transaction', (request, reply) => runTransaction(context, request, reply));
}

async function runTransaction(context: TransactionContext, request: FastifyRequest, reply: FastifyReply) {
  const { config, writer } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const text = bodyOf(request);
  const operations = readOperations(text, config.TRANSACTION_MAX_OPERATIONS);
  const { authenticated } = request.caller;
  const planned = operations.map((operation, index) =>
    named(operation, index, authenticated, () => planOperation(catalog, operation, schema, embedLimits(config))),
  );
  const identity = fullIdentity(request, schema);
  const preferences = preferencesOf(request, catalog);
  const key = idempotencyKeyOf(request.headers['idempotency-key']);
  const content = [schema, text, preferences.tx ?? ''];
  const calls = operations.some(({ target }) => target.kind === 'rpc');
  let locked: LockedRow | undefined;
  const { answered, tidemark } = await writer.transaction({
    ...{ identity, rollback: preferences.tx === 'rollback' },
    ...askedBy(request, ASKED),
    idempotent: key === undefined ? undefined : idempotentRequest(key, identity, `${ROUTE} ${schema}`, content),
    async work(tx) {
      const done = await runOperations(tx, operations, planned, authenticated);
      if (context.cache && calls) [locked] = await tx.query<LockedRow>(LOCKED.text);
      return done;
    },
  });
  wroteLocked(context, locked, tidemark);
  for (const { target } of operations) if (target.kind === 'table') wroteTable(context, schema, target.name, tidemark);
  if (preferences.tx) reply.header('preference-applied', `tx=${preferences.tx}`);
  return sendStoredReply(reply, answered, tidemark);
}

/** All in one round trip: what comes after the first that fails is skipped by Postgres. */
async function runOperations(
  tx: Transaction,
  operations: readonly Operation[],
  planned: readonly PlannedOperation[],
  authenticated: boolean,
): Promise<StoredReply> {
  const sent = planned.map(({ statement }, index) => {
    const { method, target } = operations[index] as Operation;
    const path = `/rest/v1/${target.kind === 'rpc' ? 'rpc/' : ''}${target.name}`;
    const before = tx.query(SETTINGS, [method, path]);
    return Promise.all([before, tx.query<WriteRow>(statement.text, statement.params)]);
  });
  const outcomes = await Promise.allSettled(sent);
  const results = outcomes.map((outcome, index) =>
    named(operations[index] as Operation, index, authenticated, () => {
      if (outcome.status === 'rejected') throw outcome.reason;
      const { status, headers, body } = (planned[index] as PlannedOperation).answer(outcome.value[1][0] as WriteRow);
      const location = headers.location === undefined ? '' : `,"location":${JSON.stringify(headers.location)}`;
      return `{"status":${status}${location},"body":${body === '' ? 'null' : body}}`;
    }),
  );
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return { status: 200, headers, body: `{"results":[${results.join(',')}]}` };
}

/** An error of one operation says which. */
function named<T>(operation: Operation, index: number, authenticated: boolean, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const known = translatePostgresError(error as Error, authenticated) ?? error;
    if (!(known instanceof TidemarkError)) throw error;
    const { code, status, message, details, hint, retryAfter, publicMessage, publicDetails } = known;
    const at = `operations[${index}] (${operation.method} ${operation.target.name.slice(0, 63)})`;
    throw new TidemarkError(
      {
        ...{ code, status, message, hint },
        details: details === null ? at : `${at}: ${details}`,
        publicMessage,
        publicDetails: publicDetails === null ? at : `${at}: ${publicDetails}`,
        ...(retryAfter === undefined ? {} : { retryAfter }),
      },
      { cause: error },
    );
  }
}
