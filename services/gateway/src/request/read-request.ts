import { checkLimits, findRelation, seesRequest } from '@tidemark/plan';
import { intersectRanges, type PlanMedia, parseQuery, type Query } from '@tidemark/query';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RouteContext } from '../context.ts';
import { exportOf } from './export-request.ts';
import { readIdentity } from './identity-settings.ts';
import { ROWS_MEDIA } from './media.ts';
import { chooseMedia } from './own-media.ts';
import { embedLimits, headersText, preferencesOf, rangeOf, rawSearch } from './parse.ts';
import { locationOf, type ReadRequest, requestKey } from './read-requests.ts';
import { schemaOf } from './schema.ts';

/** Requests with the same line and headers are parsed once. */
export function readRequestOf(
  context: RouteContext,
  request: FastifyRequest<{ Params: { table: string } }>,
  reply: FastifyReply,
  plan: PlanMedia | undefined,
): ReadRequest {
  const { config, readRequests } = context;
  const catalog = context.catalog.current();
  const schema = schemaOf(request, reply, config.schemas);
  const { accept, prefer, range, 'range-unit': unit } = request.headers;
  const text = `${request.method}\0${schema}\0${request.raw.url}\0${headersText(accept, prefer as string | undefined, range, unit as string | undefined)}`;
  const known = readRequests.get(text, catalog);
  if (known) return known;
  const preferences = preferencesOf(request, catalog, config);
  const relation = findRelation(catalog, schema, request.params.table);
  const parsed = parseQuery(rawSearch(request));
  const media = plan?.for ?? chooseMedia(accept, ROWS_MEDIA, { catalog, relation, query: parsed });
  const page = intersectRanges({ offset: parsed.offset, limit: parsed.limit }, rangeOf(request));
  const query: Query = { ...parsed, ...page };
  checkLimits(catalog, relation, query, embedLimits(config));
  const { count, handling, timezone } = preferences;
  const { settings } = readIdentity(request, { catalog, schema, timezone });
  const asked = { catalog, schema, media, preferences: { count, handling, timezone }, relation, query };
  const read: ReadRequest = {
    ...asked,
    exported: exportOf(media, preferences, query, config.DB_MAX_ROWS),
    location: locationOf(relation.name, rawSearch(request)),
    key: requestKey(asked, settings),
    keyOfRole: new Map(),
    reads: undefined,
    // An aggregate of the database may look at Accept, and set headers.
    seesRequest: media.own !== undefined || seesRequest(catalog, relation, query),
  };
  readRequests.add(text, read);
  return read;
}
