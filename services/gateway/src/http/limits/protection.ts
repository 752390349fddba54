import type { Socket } from 'node:net';
import type { TidemarkError } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import {
  type BaseApp,
  type FirstHandler,
  inFlightOf,
  type Limiter,
  type Metrics,
  type TokenVerifier,
} from '@tidemark/service';
import type { Config } from '../../config.ts';
import type { BrowserHeaders } from '../plugins/browser-headers.ts';
import { createLoadShedder } from './load-shedder.ts';
import { watchOverload } from './overload.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';
import { cutOffSlowReaders } from './slow-readers.ts';
import { createWorkLimit, type WorkLimit } from './work-limit.ts';

export interface ProtectionDependencies {
  readonly config: Config;
  readonly db: Pick<Database, 'poolStats'>;
  readonly limiter: Limiter;
  readonly metrics: Metrics;
  readonly verifyToken: Pick<TokenVerifier, 'cached'>;
  readonly browserHeaders: BrowserHeaders;
}

export interface Protection {
  readonly shed: FirstHandler;
  readonly rateLimit: RateLimit | undefined;
  readonly work: WorkLimit;
  refusesUpgrade(socket: Socket): TidemarkError | undefined;
  watch(socket: Socket): void;
}

export function createProtection(app: BaseApp, deps: ProtectionDependencies): Protection {
  const { config, db, limiter, metrics, verifyToken, browserHeaders } = deps;
  const overload = watchOverload({
    loopMs: config.SHED_LOOP_MS,
    requestsMax: config.REQUESTS_MAX,
    inFlight: inFlightOf(app),
    queueMs: config.SHED_QUEUE_MS,
    queues: () => db.poolStats(),
    metrics,
  });
  const readers = cutOffSlowReaders(app, {
    ms: config.SLOW_READER_MS,
    bytesPerSecond: config.SLOW_READER_BYTES_PER_S,
    maxBytes: config.UNSENT_MAX_BYTES,
    metrics,
  });
  const shedder = createLoadShedder(app, {
    overload,
    connectionsMax: config.CONNECTIONS_MAX,
    sharePercent: limiter.sharePercent,
    trust: limiter.trust,
    refused: limiter.refused,
    headersFor: browserHeaders.headersFor,
  });
  app.addHook('onClose', (_app, done) => {
    overload.stop();
    readers.stop();
    done();
  });
  return {
    shed: shedder.handle,
    refusesUpgrade: shedder.refusesUpgrade,
    watch: readers.watch,
    rateLimit: createRateLimit({
      limits: config.RATE_LIMITS,
      bind: config.RATE_LIMITS_BIND,
      identities: config.RATE_LIMIT_IDENTITIES,
      isBusy: overload.isOverHalf,
      limiter,
      metrics,
    }),
    work: createWorkLimit({
      limits: config.WORK_LIMITS,
      identities: config.RATE_LIMIT_IDENTITIES,
      anonRole: config.DB_ANON_ROLE,
      isBusy: overload.isHalfUsed,
      limiter,
      verified: (token) => verifyToken.cached(token),
      metrics,
    }),
  };
}
