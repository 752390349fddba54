import { Type } from 'typebox';

export const cacheConfig = {
  CACHE_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 0,
    description: 'bytes of cached answers, which the relay’s changes drop; 0: no cache',
  }),
  CACHE_ENTRY_BYTES: Type.Integer({
    default: 1024 ** 2,
    minimum: 1,
    description: 'bytes of the largest cached answer, so that one does not evict hundreds of others',
  }),
  CACHE_MAX_ENTRIES: Type.Integer({
    default: 65_535,
    minimum: 1,
    description: 'cached answers; each costs 600 bytes beside its own, counted in CACHE_BYTES',
  }),
  CACHE_TTL_MS: Type.Integer({
    default: 300_000,
    minimum: 1_000,
    description: 'maximum age of a cached answer in ms, even if its tables do not change',
  }),
  CACHE_SILENCE_MS: Type.Integer({
    default: 2_000,
    minimum: 600,
    description: 'ms without the relay’s heartbeat (every 500 ms) after which the cache serves no answers',
  }),
  CACHE_WAIT_MS: Type.Integer({
    default: 5_000,
    minimum: 10,
    description: 'ms for which a read waits for the statement of an equal read; then it gets 503',
  }),
  CACHE_URL: Type.String({
    default: '',
    pattern: '^(rediss?://.+)?$',
    description: 'Redis or Valkey as a second level of the cache, shared by gateways: redis://host:6379; empty: none',
  }),
  CACHE_SHARED_TTL_S: Type.Integer({
    default: 300,
    minimum: 1,
    description: 'seconds for which the second level keeps an answer: most repetitions come within minutes',
  }),
  CACHE_SHARED_TIMEOUT_MS: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 1_000,
    description: 'ms for which a read waits for the second level: Postgres takes no longer',
  }),
  CACHE_PUBLICATION: Type.String({
    default: 'tidemark',
    description: 'the publication that the relay follows; other tables are not cached',
  }),
};
