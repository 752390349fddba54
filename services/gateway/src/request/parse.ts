import { TIDEMARK_HEADER } from '@tidemark/contracts';
import type { Catalog, EmbedLimits } from '@tidemark/plan';
import { type Preferences, parsePrefer, parseRange, type Query, type RowRange } from '@tidemark/query';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { RefusedBody } from './refused-body.ts';

export function rawSearch(request: FastifyRequest): string {
  const url = request.raw.url ?? '';
  const question = url.indexOf('?');
  return question === -1 ? '' : url.slice(question + 1);
}

export function preferencesOf(
  request: FastifyRequest,
  catalog: Catalog,
  { DB_TX_END: end }: Pick<Config, 'DB_TX_END'>,
): Preferences {
  const header = request.headers.prefer;
  const given = parsePrefer(header as string | string[] | undefined, {
    isTimeZone: (name) => catalog.timeZones.has(name),
  });
  return end.endsWith('-allow-override') ? given : { ...given, tx: null };
}

/** Whether the transaction is only tried: DB_TX_END, unless the request says otherwise and may. */
export const rollsBack = ({ tx }: Preferences, { DB_TX_END: end }: Pick<Config, 'DB_TX_END'>): boolean =>
  tx === null ? end.startsWith('rollback') : tx === 'rollback';

export function tidemarkOf(request: FastifyRequest, query: Query): string | undefined {
  const header = request.headers[TIDEMARK_HEADER];
  return query.tidemark ?? (typeof header === 'string' && header !== '' ? header : undefined);
}

export const embedLimits = (config: Config): EmbedLimits => ({
  maxRows: config.DB_MAX_ROWS,
  maxEmbedRows: config.EMBED_ROWS_MAX,
  aggregates: config.DB_AGGREGATES_ENABLED,
});

/** RFC 9110, 14.2: Range has a meaning for GET alone. */
export function rangeOf(request: FastifyRequest): RowRange | null {
  if (request.method !== 'GET') return null;
  const { range } = request.headers;
  const unit = request.headers['range-unit'];
  return parseRange(range, typeof unit === 'string' ? unit : undefined);
}

export function bodyOf({ body }: FastifyRequest): string {
  if (typeof body === 'string') return body;
  if (body instanceof RefusedBody) throw body.error;
  return '';
}

export function contentTypeOf(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? 'application/json').toLowerCase();
}

/** One text for the values of headers. No header has the character that stands for an absent one. */
export function headersText(...values: readonly (string | readonly string[] | undefined)[]): string {
  return values.map((value) => (value === undefined ? '\u0001' : String(value))).join('\0');
}
