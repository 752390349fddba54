/** An operation of a transaction as a statement, and its row as a result. Results are JSON. */

import type { Statement } from '@tidemark/db';
import {
  type CallArguments,
  type Catalog,
  checkEmbedRows,
  chooseRoutine,
  type EmbedLimits,
  planCall,
  takesBody,
  type WriteRow,
} from '@tidemark/plan';
import { parsePrefer, parseQuery, type RowsMedia } from '@tidemark/query';
import { errors, postgrest } from '../errors.ts';
import { answerOf, type StoredReply } from '../reply/stored-reply.ts';
import type { Operation } from '../routes/transaction/operations.ts';
import { WritePlan } from './table-write.ts';

const JSON_MEDIA: RowsMedia = { kind: 'json', nullsStripped: false };

export interface PlannedOperation {
  statement: Statement;
  /** @throws what makes the whole transaction roll back */
  answer(row: WriteRow): StoredReply;
}

export function planOperation(
  catalog: Catalog,
  operation: Operation,
  schema: string,
  limits: EmbedLimits,
): PlannedOperation {
  const { method, target, search, body } = operation;
  if (target.kind === 'rpc') return planRpc(catalog, operation, schema, limits);
  const preferences = parsePrefer(operation.prefer, { isTimeZone: (name) => catalog.timeZones.has(name) });
  // Both speak of one request of its own; here the transaction as a whole decides.
  if (preferences.results) throw errors.PER_ROW_USE({ reason: 'a transaction is all or nothing' });
  if (preferences.tx) {
    throw errors.TRANSACTION_BODY({ reason: 'tx belongs to the Prefer header of the request, not to an operation' });
  }
  const plan = new WritePlan(catalog, {
    ...{ method, schema, table: target.name, search, accept: 'application/json', preferences },
    contentType: 'application/json',
    unfiltered: operation.unfiltered,
  });
  checkEmbedRows(catalog, plan.relation, plan.query, limits);
  const write = plan.with(body);
  return {
    statement: write.statement(),
    answer(row) {
      write.check(row);
      return write.answer(row);
    },
  };
}

function planRpc(catalog: Catalog, operation: Operation, schema: string, limits: EmbedLimits): PlannedOperation {
  const { target, search } = operation;
  const text = operation.body === '' ? '{}' : operation.body;
  const parsed: unknown = JSON.parse(text);
  const keys =
    typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.keys(parsed as object) : null;
  const routine = chooseRoutine(catalog, schema, target.name, keys ?? ['?'], 'application/json');
  const wholeBody = takesBody(routine, 'application/json');
  if (keys === null && !wholeBody) {
    throw postgrest.PGRST102({ reason: 'The arguments are not an object', hint: 'Send them as one JSON object.' });
  }
  const args: CallArguments = wholeBody ? { kind: 'body', text } : { kind: 'json', text, keys: keys ?? [] };
  const media = JSON_MEDIA;
  const query = parseQuery(search);
  const { resultRelation: of } = routine;
  checkEmbedRows(catalog, of ? (catalog.relation(of.schema, of.name) ?? null) : null, query, limits);
  const { maxRows } = limits;
  const statement = planCall(catalog, routine, query, args, { media, exactCount: false, maxRows });
  return {
    statement,
    answer: (row) =>
      answerOf({
        status: routine.returnsVoid ? 204 : 200,
        ...{ media, body: routine.returnsVoid ? null : row.body, headers: {}, preferences: {}, settings: row },
      }),
  };
}
