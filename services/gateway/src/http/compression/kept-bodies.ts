/** A cached answer keeps the compressed forms of its body. */
import type { KeptBodies } from '@tidemark/service';
import type { Cache } from '../../cache/cache.ts';
import type { CachedAnswer } from '../../cache/cached-answer.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** The answer whose body is sent, where the cache may hold it. */
    kept: CachedAnswer | undefined;
  }
}

export function keptBodies(cache: Cache): KeptBodies<CachedAnswer> {
  return {
    find: ({ kept }, body) => (kept?.body === body ? kept : undefined),
    keepCoded: (kept, coding, bytes) => cache.keepCoded(kept, coding, bytes),
  };
}
