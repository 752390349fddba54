/**
 * If-Match and If-None-Match on writes (RFC 9110, 13.1). What they compare with is the strong ETag that a GET of the same
 * URL would answer now: same filters, select, order and page, as the media type of the request or as plain JSON. It is
 * computed in the transaction of the write, on a snapshot (repeatable read): a row that changes between the two makes
 * Postgres refuse the write, which is a failed precondition too. So no row has to be locked, and DELETE needs no right to UPDATE.
 */

import { PostgresError, type Transaction } from '@tidemark/db';
import { type AnswerRow, type Catalog, planRead } from '@tidemark/plan';
import type { RowsMedia } from '@tidemark/query';
import { plainEtag } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';
import type { TableWrite, WriteMethod } from '../plan/table-write.ts';
import { strongEtag } from '../reply/etag.ts';

export interface Preconditions {
  /** Strong ETags, or `*` for "a row exists". */
  ifMatch?: readonly string[];
  /** ETags, or `*` for "no row exists". */
  ifNoneMatch?: readonly string[];
}

/** @throws GATEWAY_PRECONDITION_METHOD */
export function preconditionsOf(request: FastifyRequest, method: WriteMethod): Preconditions | undefined {
  const match = request.headers['if-match'];
  const none = request.headers['if-none-match'];
  if (match === undefined && none === undefined) return undefined;
  if (method === 'POST' && match !== undefined) throw errors.PRECONDITION_METHOD({ header: 'If-Match', method });
  if (method === 'POST' && none?.trim() !== '*') throw errors.PRECONDITION_METHOD({ header: 'If-None-Match', method });
  return {
    // A weak tag never matches strongly: it stays in the list as it was sent, and equals no tag of ours.
    ...(match === undefined ? {} : { ifMatch: tagsOf(match) }),
    ...(none === undefined ? {} : { ifNoneMatch: tagsOf(none).map((tag) => tag.replace(/^W\//, '')) }),
  };
}

/** @throws GATEWAY_PRECONDITION_FAILED */
export async function checkPreconditions(
  tx: Transaction,
  catalog: Catalog,
  write: TableWrite,
  { ifMatch, ifNoneMatch }: Preconditions,
  maxRows: number,
): Promise<void> {
  // A POST names no row to look at: that none is there is what its unique constraints say.
  if (write.parts.method === 'POST') return;
  const current = await currentTags(tx, catalog, write, maxRows);
  const state = current.length > 0 ? `the ETag is ${current[0]} now` : 'no row matches the filters now';
  if (ifMatch && !holds(ifMatch, current)) throw errors.PRECONDITION_FAILED({ header: 'If-Match', current: state });
  if (ifNoneMatch && holds(ifNoneMatch, current)) {
    throw errors.PRECONDITION_FAILED({ header: 'If-None-Match', current: state });
  }
}

/** What Postgres refuses because the rows changed after they were looked at: a failed precondition. */
export function asPreconditionFailure(error: unknown, conditions: Preconditions): unknown {
  if (!(error instanceof PostgresError)) return error;
  const lost = error.code === '40001' || error.code === '40P01';
  const exists = error.code === '23505' && conditions.ifNoneMatch?.includes('*');
  if (!lost && !exists) return error;
  const header = conditions.ifMatch ? 'If-Match' : 'If-None-Match';
  const current = exists ? `such a row exists (${error.message})` : 'the row was changed at the same moment';
  return errors.PRECONDITION_FAILED({ header, current }, { cause: error });
}

/** Empty when no row matches the filters. */
async function currentTags(tx: Transaction, catalog: Catalog, write: TableWrite, maxRows: number): Promise<string[]> {
  const tags = new Set<string>();
  for (const media of [write.media, JSON_MEDIA, OBJECT_MEDIA]) {
    const { head, tail, params } = planRead(catalog, write.relation, write.query, {
      media,
      exactCount: false,
      maxRows,
    });
    const [row] = await tx.query<AnswerRow>(head + tail, params);
    const rows = Number(row?.rows);
    if (rows === 0) return [];
    if (media.kind !== 'object' || rows === 1) tags.add(strongEtag(row?.body ?? ''));
  }
  return [...tags];
}

const JSON_MEDIA: RowsMedia = { kind: 'json', nullsStripped: false };
const OBJECT_MEDIA: RowsMedia = { kind: 'object', nullsStripped: false };

function holds(tags: readonly string[], current: readonly string[]): boolean {
  if (current.length === 0) return false;
  return tags.includes('*') || tags.some((tag) => current.includes(tag));
}

function tagsOf(header: string): string[] {
  // The tag of a compressed answer is of the same rows.
  return header.trim() === '*' ? ['*'] : (header.match(/(?:W\/)?"[^"]*"/g) ?? []).map(plainEtag);
}
