import type { Client, Statement } from '@tidemark/db';
import { type AnswerRow, joinRows, mayHideRows, planEstimate, type ResponseSettings } from '@tidemark/plan';
import type { Preferences } from '@tidemark/query';
import type { CachedAnswer, Filled } from '../../cache/cached-answer.ts';
import { strongEtag } from '../../cache/etag.ts';
import type { RouteContext } from '../../context.ts';
import { TABLE_ROUTE } from '../../http/fast-path/raw-request.ts';
import { holdUntilSent } from '../../http/plugins/answer-budget.ts';
import { askedBy } from '../../request/asked.ts';
import type { ReadRequest } from '../../request/read-requests.ts';
import type { Reading } from './reading.ts';

export const ASKED = { holder: { route: `GET ${TABLE_ROUTE}` } };
/** Longer bodies are kept as bytes, so that sending them needs no conversion. */
const MAX_TEXT_CHARACTERS = 16 * 1024;

export function readStatement(
  { config, plans }: RouteContext,
  read: ReadRequest,
  role: string,
  guard?: ReadonlySet<number>,
): Statement {
  const count = countOf(read, role);
  const options = {
    media: read.media,
    exactCount: count === 'exact' || count === 'estimated',
    countLimit: count === 'estimated' ? config.COUNT_ESTIMATED_THRESHOLD + 1 : null,
    maxRows: config.DB_MAX_ROWS,
    settings: config.DB_PRE_REQUEST !== '' || read.seesRequest,
  };
  return plans.read(read.catalog, read.relation, read.query, options, guard);
}

type ReadRow = AnswerRow & Partial<ResponseSettings> & { guard?: string | null };

export async function readRows(
  context: RouteContext,
  { request, reply, read, identity, asked }: Reading,
  guard?: ReadonlySet<number>,
  client?: Client,
): Promise<Filled<CachedAnswer>> {
  const { db } = context;
  const statement = readStatement(context, read, identity.role, guard);
  const { rows, tidemark, proven, source } = await db.read<ReadRow>({
    identity,
    statement,
    resetAfter: statement.sessionSafe === true ? false : read.catalog.changesSession,
    ...askedBy(request, ASKED, client),
    ...(asked ? { tidemark: asked } : {}),
  });
  const row: ReadRow = joinRows(rows);
  const text = row.body ?? '';
  holdUntilSent(db, reply, text.length);
  const answer = {
    body: read.media.own?.isBytes
      ? Buffer.from(text, 'base64')
      : text.length > MAX_TEXT_CHARACTERS
        ? Buffer.from(text)
        : text,
    etag: strongEtag(text),
    rows: Number(row.rows),
    total: row.total === null ? null : Number(row.total),
    ...(row.headers || row.status ? { settings: { headers: row.headers ?? null, status: row.status ?? null } } : {}),
  };
  return { answer, tidemark, proven, source, guard: row.guard ?? null };
}

/** An estimate of the planner would reveal rows that a policy hides. */
export function countOf(
  { catalog, relation, query, preferences: { count } }: ReadRequest,
  role: string,
): Preferences['count'] {
  if (count === null || count === 'exact') return count;
  return mayHideRows(catalog, relation, query, role) ? 'exact' : count;
}

/** As in PostgREST, `estimated` is exact up to a threshold, and above it the estimate, but at least the number counted. */
export async function totalOf(context: RouteContext, reading: Reading, counted: number | null): Promise<number | null> {
  const count = countOf(reading.read, reading.identity.role);
  if (count === 'planned') return estimate(context, reading);
  if (count !== 'estimated' || counted === null || counted <= context.config.COUNT_ESTIMATED_THRESHOLD) return counted;
  return Math.max(counted, await estimate(context, reading));
}

async function estimate({ db }: RouteContext, { request, read, identity, asked }: Reading): Promise<number> {
  const { rows } = await db.read<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>({
    identity,
    statement: planEstimate(read.catalog, read.relation, read.query),
    ...askedBy(request, ASKED),
    ...(asked ? { tidemark: asked } : {}),
  });
  return rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}
