/** A query of a job is the one that the API takes: `orders?select=id,total&status=eq.paid`. */
import { TidemarkError } from '@tidemark/contracts';
import type { Statement } from '@tidemark/db';
import { type Catalog, findRelation, planExport, type Relation } from '@tidemark/plan';
import { parseQuery, type Query } from '@tidemark/query';
import { Type } from 'typebox';
import { errors } from '../errors.ts';

export const tableQuery = {
  query: Type.String({
    minLength: 1,
    maxLength: 16_384,
    description: 'table or view and its query string, as after /rest/v1/: orders?select=id,total&status=eq.paid',
  }),
  schema: Type.Optional(
    Type.String({ minLength: 1, maxLength: 63, description: 'default: the first that is exposed' }),
  ),
};

export interface TableQuery {
  query: string;
  schema?: string | undefined;
}

export interface PlannedQuery {
  table: string;
  statement: Statement;
}

/** Throws an error of the query; see asQueryError. */
export function findTable(catalog: Catalog, { query, schema }: TableQuery): { relation: Relation; query: Query } {
  const at = query.indexOf('?');
  const search = at < 0 ? '' : query.slice(at + 1);
  const table = decodeURIComponent(at < 0 ? query : query.slice(0, at));
  const chosen = schema ?? catalog.schemas[0]!;
  if (!catalog.schemas.includes(chosen)) {
    throw errors.SCHEMA_HIDDEN({ schema: chosen, schemas: catalog.schemas });
  }
  return { relation: findRelation(catalog, chosen, table), query: parseQuery(search) };
}

/** Returns the statement of all rows. @throws BATCH_QUERY_REFUSED with the reason that the API would give */
export function planTableQuery(catalog: Catalog, wanted: TableQuery): PlannedQuery {
  try {
    const { relation, query } = findTable(catalog, wanted);
    return { table: relation.name, statement: planExport(catalog, relation, query) };
  } catch (error) {
    throw asQueryError(error);
  }
}

/** SQLSTATE classes of a query's own mistakes: data, integrity, syntax, rights, limits of a program, and RAISE. */
const QUERY_CLASSES = new Set(['21', '22', '23', '25', '42', '44', '54', 'P0', 'PT']);
const NOT_OF_POSTGRES = /^(?:PGRST|QUERY_|PLAN_|GATEWAY_)/;

/** Makes an error of the query one that the job shows; others may pass, and are returned as they are. */
export function asQueryError(error: unknown): unknown {
  if (error instanceof URIError) return errors.QUERY_REFUSED({ code: 'PGRST100', reason: error.message, hint: null });
  if (!(error instanceof TidemarkError) || error.code.startsWith('BATCH_')) return error;
  const { code, publicMessage, hint } = error;
  const isOwn = code === '57014' || QUERY_CLASSES.has(code.slice(0, 2)) || NOT_OF_POSTGRES.test(code);
  return isOwn ? errors.QUERY_REFUSED({ code, reason: publicMessage, hint }, { cause: error }) : error;
}
