import type { Catalog } from '@tidemark/plan';
import { answerRecorder, type BaseApp, type Coding, type Metrics, type TokenVerifier } from '@tidemark/service';
import type { onSendHookHandler } from 'fastify';
import type { Cache } from '../../cache/cache.ts';
import type { CachedAnswer } from '../../cache/cached-answer.ts';
import { FAST_PATH_SHARE } from '../../cache/open-cache.ts';
import { FastPath, type FastPathStep, type RecordedReply } from './fast-path.ts';
import { TABLE_ROUTE } from './raw-request.ts';

export interface Hit {
  readonly answer: CachedAnswer;
  readonly key: string;
  readonly catalog: Catalog;
  readonly asked: string | undefined;
}

declare module 'fastify' {
  interface FastifyReply {
    hit: Hit | undefined;
  }
}

export interface FastPathDependencies {
  readonly config: { readonly CACHE_BYTES: number };
  readonly cache: Cache | undefined;
  readonly catalog: { current(): Catalog };
  readonly verifyToken: Pick<TokenVerifier, 'cached'>;
  readonly metrics: Metrics;
}

export function createFastPath(
  app: BaseApp,
  { config, cache, catalog, verifyToken, metrics }: FastPathDependencies,
  steps: readonly FastPathStep[],
): FastPath | undefined {
  if (!cache) return undefined;
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  const fastPath = new FastPath({
    cache,
    maxBytes: config.CACHE_BYTES * FAST_PATH_SHARE,
    steps,
    closing: () => closing,
    catalog: () => catalog.current(),
    verified: (token) => verifyToken.cached(token),
    recordGet: answerRecorder(app, 'GET', TABLE_ROUTE),
    recordHead: answerRecorder(app, 'HEAD', TABLE_ROUTE),
  });
  const show = (name: string, help: string, key: 'hits' | 'requests' | 'bytes') =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(fastPath.stats()[key]));
  show('tidemark_cache_front_hits_total', 'Reads answered before fastify, by the raw text of the request', 'hits');
  show('tidemark_cache_front_bytes', 'Bytes of the headers recorded for the fast path', 'bytes');
  show('tidemark_cache_front_requests', 'Requests that the fast path can answer', 'requests');
  return fastPath;
}

/** For the route of reads: a route’s own hooks run after all others, and before fastify’s for HEAD. */
export function recordReplies(fastPath: FastPath): onSendHookHandler {
  return (request, reply, payload, done) => {
    const { hit, statusCode: status } = reply;
    if (hit !== undefined && (status === 200 || status === 206 || status === 304)) {
      const coding = codingOf(hit.answer, payload, request.method);
      const headers = reply.getHeaders();
      if (coding !== undefined) {
        if (typeof payload === 'string' || Buffer.isBuffer(payload)) {
          headers['content-length'] = String(Buffer.byteLength(payload));
        }
        const { key, catalog, asked, answer } = hit;
        const { etag, total } = answer;
        fastPath.record(request.raw, headers, {
          status,
          coding,
          key,
          etag,
          total,
          catalog,
          caller: request.caller,
          asked,
        });
      }
    }
    done();
  };
}

function codingOf(
  { body, coded }: CachedAnswer,
  payload: unknown,
  method: string,
): RecordedReply['coding'] | undefined {
  if (payload === undefined || payload === null || payload === '') return body === '' ? 'plain' : 'none';
  if (method === 'HEAD' && (typeof payload === 'string' || Buffer.isBuffer(payload))) return 'none';
  if (payload === body) return 'plain';
  for (const [coding, bytes] of coded ?? []) if (bytes === payload) return coding as Coding;
  return undefined;
}
