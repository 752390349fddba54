/** GET and HEAD /rest/v1/:table */
import type { Statement } from '@tidemark/db';
import {
  assertSatisfiable,
  intersectRanges,
  parseQuery,
  type Query,
  type RowsMedia,
  selectMediaType,
} from '@tidemark/query';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { type AnswerRow, planEstimate, planRead } from '../plan/read.ts';
import { sendRows } from '../reply/answer.ts';
import { readIdentity } from '../reply/identity-settings.ts';
import { schemaOf } from '../reply/schema.ts';
import type { RouteContext } from './context.ts';
import { preferencesOf, rangeOf, rawSearch, relationOf, tidemarkOf } from './request.ts';

export const READ_MEDIA = ['json', 'object', 'array', 'csv', 'ndjson', 'geojson'] as const;

type TableRequest = FastifyRequest<{ Params: { table: string } }>;

export function registerTableRead(app: BaseApp, context: RouteContext): void {
  app.get<{ Params: { table: string } }>('/rest/v1/:table', (request, reply) => readTable(context, request, reply));
}

export async function readTable(context: RouteContext, request: TableRequest, reply: FastifyReply) {
  const { db, config } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const media = selectMediaType(request.headers.accept, READ_MEDIA) as RowsMedia;
  const preferences = preferencesOf(request, catalog);
  const relation = relationOf(catalog, schema, request.params.table);
  const parsed = parseQuery(rawSearch(request));
  const range = intersectRanges({ offset: parsed.offset, limit: parsed.limit }, rangeOf(request));
  const query: Query = { ...parsed, ...range };

  const identity = readIdentity(request, schema);
  const holder = { route: 'GET /rest/v1/:table' };
  const tidemark = tidemarkOf(request, query);
  const statement = planRead(catalog, relation, query, {
    media,
    exactCount: preferences.count === 'exact',
    maxRows: config.DB_MAX_ROWS,
  });
  const read = (s: Statement) =>
    db.read<AnswerRow>({ identity, statement: s, holder, ...(tidemark ? { tidemark } : {}) });
  const result = await read(statement);
  const answer = result.rows[0] as AnswerRow;
  const total = await totalOf(answer, preferences.count, () => estimate(catalog, relation, query, read));
  assertSatisfiable(query.offset, total);
  return sendRows(reply, {
    media,
    body: answer.body,
    rows: Number(answer.rows),
    offset: query.offset,
    total,
    tidemark: result.tidemark,
    source: result.source,
    preferences: { count: preferences.count, handling: preferences.handling },
  });
}

type Count = 'exact' | 'planned' | 'estimated' | null;

async function totalOf(answer: AnswerRow, count: Count, estimated: () => Promise<number>): Promise<number | null> {
  if (count === null) return null;
  if (count === 'exact') return Number(answer.total);
  return estimated();
}

/** The planner's guess: one EXPLAIN, no rows read. */
async function estimate(
  catalog: Catalog,
  relation: Relation,
  query: Query,
  read: (statement: Statement) => Promise<{ rows: unknown[] }>,
): Promise<number> {
  const { rows } = await read(planEstimate(catalog, relation, query));
  const [first] = rows as { 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }[];
  return first?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}
