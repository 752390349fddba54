/** Puts the front before the server, and lets it learn from what fastify answers. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Catalog } from '@tidemark/plan';
import type { BaseApp, Coding, Metrics } from '@tidemark/service';
import type { onSendHookHandler } from 'fastify';
import type { CachedAnswer } from '../../cache/cached-answer.ts';
import type { FastPath, Recorded } from './fast-path.ts';

/** Of CACHE_BYTES, for what is recorded: at about 2 KB a request, 4,000 of them with the default. */
export const FAST_PATH_SHARE = 1 / 8;

/** A hit that is being sent. */
export interface Hit {
  readonly answer: CachedAnswer;
  readonly key: string;
  readonly catalog: Catalog;
  /** Of `?tidemark=`. */
  readonly asked: string | undefined;
}

declare module 'fastify' {
  interface FastifyReply {
    /** Undefined where the answer is not from the cache. */
    hit: Hit | undefined;
  }
}

/** A request that it does not know goes on to the listeners that are there. */
export function installFastPath(app: BaseApp, front: FastPath, metrics: Metrics): void {
  const show = (name: string, help: string, key: 'hits' | 'requests' | 'bytes') =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(front.stats()[key]));
  show('tidemark_cache_front_hits_total', 'Reads answered from the cache by their raw text', 'hits');
  show('tidemark_cache_front_bytes', 'Bytes of what is known of requests answered from the cache', 'bytes');
  show('tidemark_cache_front_requests', 'Requests whose answer is known by their raw text', 'requests');
  const { server } = app;
  const answers = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (front.answer(request, response)) return;
    for (const answer of answers) answer(request, response);
  });
}

/** For the route of reads; a route’s own hooks run after all others, and before fastify’s for HEAD. */
export function recordReplies(front: FastPath): onSendHookHandler {
  return (request, reply, payload, done) => {
    const { hit } = reply;
    const { statusCode: status } = reply;
    if (hit !== undefined && (status === 200 || status === 206 || status === 304)) {
      const coding = codingOf(hit.answer, payload, request.method);
      const headers = reply.getHeaders();
      if (coding !== undefined) {
        if (typeof payload === 'string' || Buffer.isBuffer(payload)) {
          headers['content-length'] = String(Buffer.byteLength(payload));
        }
        const { key, catalog, asked, answer } = hit;
        const recorded = {
          status,
          coding,
          key,
          etag: answer.etag,
          total: answer.total,
          catalog,
          caller: request.caller,
        };
        front.learn(request.raw, headers, { ...recorded, asked });
      }
    }
    done();
  };
}

/** Which of the answer’s bodies is sent; undefined for one that the cache does not hold. */
function codingOf({ body, coded }: CachedAnswer, payload: unknown, method: string): Recorded['coding'] | undefined {
  if (payload === undefined || payload === null || payload === '') return body === '' ? 'plain' : 'none';
  if (method === 'HEAD' && (typeof payload === 'string' || Buffer.isBuffer(payload))) return 'none';
  if (payload === body) return 'plain';
  for (const [coding, bytes] of coded ?? []) if (bytes === payload) return coding as Coding;
  return undefined;
}
