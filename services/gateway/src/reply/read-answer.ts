/** The reply to a read of a table: a strong ETag, 304 for a client that has it (RFC 9110, 13.1.2), Cache-Status (RFC 9211). */
import { TIDEMARK_HEADER } from '@tidemark/contracts';
import { assertSatisfiable, contentRange, contentType, preferenceApplied, rangeStatus } from '@tidemark/query';
import { matchedEtag } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CacheAnswer, CachedAnswer } from '../cache/cached-answer.ts';
import { errors, postgrest } from '../errors.ts';
import { matchesStrongly, parseEtags } from '../request/etags.ts';
import type { ReadRequest } from '../request/read-requests.ts';
import { isObject, ownHead } from './stored-reply.ts';

/** Headers that select a representation of one URL. @fastify/compress compares the lower case. */
const VARY = 'Authorization, apikey, Accept, accept-encoding, Accept-Profile, Prefer, Range';

/** Characters. Many clients and proxies take at most 4 or 8 KB for one header. */
const MAX_LOCATION = 4_096;

export function sendRead(
  request: FastifyRequest,
  reply: FastifyReply,
  {
    media,
    query: { offset },
    preferences,
    location,
  }: Pick<ReadRequest, 'media' | 'query' | 'preferences' | 'location'>,
  { answer, tidemark, source, status }: CacheAnswer<CachedAnswer>,
  total: number | null,
) {
  assertSatisfiable(offset, total);
  const { rows, etag } = answer;
  if (isObject(media) && rows !== 1) throw postgrest.PGRST116({ rows });
  const condition = request.headers['if-match'];
  if (condition !== undefined && !matchesStrongly(parseEtags(condition), [etag])) {
    throw errors.PRECONDITION_FAILED({ header: 'If-Match', current: `the answer has the ETag ${etag}` });
  }
  const applied = preferenceApplied(preferences);
  const vary = reply.getHeader('vary');
  const headers: Record<string, string> = {
    [TIDEMARK_HEADER]: tidemark,
    'tidemark-source': source,
    etag,
    'cache-control': 'no-cache',
    'cache-status': `tidemark; ${status}`,
    vary: vary ? `${vary}, ${VARY}` : VARY,
    'content-range': contentRange(offset, rows, total),
  };
  if (location.length <= MAX_LOCATION) headers['content-location'] = location;
  if (applied) headers['preference-applied'] = applied;
  reply.headers(headers);
  const matched = matchedEtag(request, etag);
  if (matched !== undefined) return reply.header('etag', matched).code(304).send();
  reply.kept = answer;
  reply.code(rangeStatus(rows, total));
  reply.type(contentType(media));
  if (answer.settings) {
    const { status, headers } = ownHead(answer.settings);
    reply.headers(headers);
    if (status !== null) reply.code(status);
  }
  return reply.send(answer.body);
}
