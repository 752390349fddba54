import type { Catalog, EmbedLimits } from '@tidemark/plan';
import { parsePrefer, type RowsMedia } from '@tidemark/query';
import { errors } from '../../errors.ts';
import { FunctionCall } from '../../plan/function-call.ts';
import type { PlannedWrite } from '../../plan/planned-write.ts';
import { WritePlan } from '../../plan/table-write.ts';
import { parseBodyCall } from '../../request/function-arguments.ts';
import type { Operation } from './operations.ts';

const JSON_TYPE = 'application/json';
const JSON_MEDIA: RowsMedia = { kind: 'json', nullsStripped: false };

export function planOperation(
  catalog: Catalog,
  { method, target, search, body, prefer, unfiltered }: Operation,
  schema: string,
  limits: EmbedLimits,
): PlannedWrite {
  if (target.kind === 'rpc') {
    const call = parseBodyCall(catalog, schema, target.name, { search, contentType: JSON_TYPE, body: body || '{}' });
    return new FunctionCall(catalog, { ...call, media: JSON_MEDIA, exactCount: false, preferences: {}, limits });
  }
  const preferences = parsePrefer(prefer, { isTimeZone: (name) => catalog.timeZones.has(name) });
  // Both belong to a request of its own; here the transaction as a whole decides.
  if (preferences.results) throw errors.PER_ROW_USE({ reason: 'a transaction is all or nothing' });
  if (preferences.tx) {
    throw errors.TRANSACTION_BODY({ reason: 'tx belongs to the Prefer header of the request, not to an operation' });
  }
  const head = { method, schema, table: target.name, search, accept: JSON_TYPE, contentType: JSON_TYPE };
  return new WritePlan(catalog, { ...head, preferences, unfiltered }, limits).with(body);
}
