/**
 * The answer to a read of a table, with what makes the next one cheap: a strong ETag, 304 for who has it already (RFC 9110,
 * 13.1.2), and Cache-Status (RFC 9211).
 */
import { TIDEMARK_HEADER, type Tidemark } from '@tidemark/contracts';
import {
  contentRange,
  contentType,
  type Preferences,
  preferenceApplied,
  type RowsMedia,
  rangeStatus,
} from '@tidemark/query';
import { matchedEtag } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CachedAnswer } from '../cache/cached-answer.ts';
import { postgrest } from '../errors.ts';
import { isObject } from './stored-reply.ts';

export interface ReadAnswer {
  media: RowsMedia;
  answer: CachedAnswer;
  offset: number;
  total: number | null;
  tidemark: Tidemark;
  /** `replica`, `primary` or `cache`. */
  source: string;
  /** Parameters of Cache-Status. */
  status: string;
  preferences: Partial<Preferences>;
  /** Content-Location. */
  location: string;
}

/** Headers that choose between representations of one URL, for caches in between; @fastify/compress looks for the lower case. */
const VARY = 'Authorization, apikey, Accept, accept-encoding, Accept-Profile, Prefer, Range';

/** 200, 206 for a part of a known total, or 304. @throws PGRST116 */
export function sendRead(request: FastifyRequest, reply: FastifyReply, read: ReadAnswer) {
  const { answer, media, total } = read;
  const { rows, etag } = answer;
  if (isObject(media) && rows !== 1) throw postgrest.PGRST116({ rows });
  const applied = preferenceApplied(read.preferences);
  const vary = reply.getHeader('vary');
  reply.headers({
    [TIDEMARK_HEADER]: read.tidemark,
    'tidemark-source': read.source,
    etag,
    'cache-control': 'no-cache',
    'cache-status': `tidemark; ${read.status}`,
    vary: vary ? `${vary}, ${VARY}` : VARY,
    'content-location': read.location,
    'content-range': contentRange(read.offset, rows, total),
    ...(applied ? { 'preference-applied': applied } : {}),
  });
  const matched = matchedEtag(request, etag);
  if (matched !== undefined) return reply.header('etag', matched).code(304).send();
  reply.kept = answer;
  reply.code(rangeStatus(rows, total));
  reply.type(contentType(media));
  return reply.send(answer.body);
}
