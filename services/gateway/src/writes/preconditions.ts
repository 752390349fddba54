/**
 * If-Match and If-None-Match on writes (RFC 9110, 13.1) are compared with the ETag that a GET of the same URL would
 * have now, on a snapshot (repeatable read): where a row changes between the two, Postgres refuses the write. So no
 * row has to be locked, and DELETE needs no right to UPDATE.
 */
import { PostgresError, type Transaction } from '@tidemark/db';
import { type AnswerRow, planRead } from '@tidemark/plan';
import type { RowsMedia } from '@tidemark/query';
import { plainEtag } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { strongEtag } from '../cache/etag.ts';
import { errors } from '../errors.ts';
import type { TableWrite, WriteMethod } from '../plan/table-write.ts';
import { type EtagList, matchesStrongly, matchesWeakly, parseEtags } from '../request/etags.ts';

export interface Preconditions {
  readonly ifMatch: EtagList | undefined;
  readonly ifNoneMatch: EtagList | undefined;
}

export function preconditionsOf({ headers }: FastifyRequest, method: WriteMethod): Preconditions | undefined {
  const { 'if-match': match, 'if-none-match': none } = headers;
  if (match === undefined && none === undefined) return undefined;
  if (method === 'POST' && match !== undefined) throw errors.PRECONDITION_METHOD({ header: 'If-Match', method });
  if (method === 'POST' && none?.trim() !== '*') throw errors.PRECONDITION_METHOD({ header: 'If-None-Match', method });
  return {
    ifMatch: match === undefined ? match : tagsOf(match),
    ifNoneMatch: none === undefined ? none : tagsOf(none),
  };
}

export async function checkPreconditions(
  tx: Transaction,
  write: TableWrite,
  { ifMatch, ifNoneMatch }: Preconditions,
  maxRows: number,
): Promise<void> {
  // A POST names no row: its unique constraints say whether there is one.
  if (write.plan.head.method === 'POST') return;
  const etags = await currentEtags(tx, write, maxRows);
  const current = etags.length > 0 ? `the ETag is ${etags[0]} now` : 'no row matches the filters now';
  if (ifMatch && !matchesStrongly(ifMatch, etags)) throw errors.PRECONDITION_FAILED({ header: 'If-Match', current });
  if (ifNoneMatch && matchesWeakly(ifNoneMatch, etags)) {
    throw errors.PRECONDITION_FAILED({ header: 'If-None-Match', current });
  }
}

export function asPreconditionFailure(error: unknown, { ifMatch, ifNoneMatch }: Preconditions): unknown {
  if (!(error instanceof PostgresError)) return error;
  const lost = error.code === '40001' || error.code === '40P01';
  const exists = error.code === '23505' && ifNoneMatch === '*';
  if (!lost && !exists) return error;
  const header = ifMatch ? 'If-Match' : 'If-None-Match';
  const current = exists ? `such a row exists (${error.message})` : 'the row was changed at the same moment';
  return errors.PRECONDITION_FAILED({ header, current }, { cause: error });
}

async function currentEtags(tx: Transaction, { plan }: TableWrite, maxRows: number): Promise<string[]> {
  const etags = new Set<string>();
  for (const media of [plan.media, JSON_MEDIA, OBJECT_MEDIA]) {
    const { head, tail, params } = planRead(plan.catalog, plan.relation, plan.query, {
      media,
      exactCount: false,
      maxRows,
    });
    const [row] = await tx.query<AnswerRow>(head + tail, params);
    const rows = Number(row?.rows);
    if (rows === 0) return [];
    if (media.kind !== 'object' || rows === 1) etags.add(strongEtag(row?.body ?? ''));
  }
  return [...etags];
}

const JSON_MEDIA: RowsMedia = { kind: 'json', nullsStripped: false };
const OBJECT_MEDIA: RowsMedia = { kind: 'object', nullsStripped: false };

/** The tag of a compressed body stands for the same rows. */
function tagsOf(header: string): EtagList {
  const list = parseEtags(header);
  return list === '*' ? list : list.map(plainEtag);
}
