/** Puts the gate, the watch over slow readers and the watch over the instance's load around an app. */
import type { Socket } from 'node:net';
import type { TidemarkError } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { type BaseApp, inFlightOf, type Limiter, type Metrics } from '@tidemark/service';
import type { Config } from '../../config.ts';
import type { BrowserHeaders } from '../plugins/browser-headers.ts';
import { createLoadShedder } from './load-shedder.ts';
import { watchOverload } from './overload.ts';
import { cutOffSlowReaders } from './slow-readers.ts';

export interface OverloadProtectionDependencies {
  readonly config: Config;
  readonly db: Pick<Database, 'poolStats'>;
  readonly limiter: Limiter;
  readonly metrics: Metrics;
  readonly browserHeaders: BrowserHeaders;
}

export interface OverloadProtection {
  /** The instance is over half of what it refuses at. */
  isOverHalf(): boolean;
  /** The event loop, or a pool of connections, is over half in use. */
  isHalfUsed(): boolean;
  /** Why a WebSocket is not taken on this connection now. */
  refusesUpgrade(socket: Socket): TidemarkError | undefined;
  /** Destroys a socket that is not the server's own if what is written to it is not taken in time. */
  watch(socket: Socket): void;
  /** Call it last: once the app is ready, the gate stands before every listener that was added until then. */
  standInFront(): void;
}

export function protectFromOverload(
  app: BaseApp,
  { config, db, limiter, metrics, browserHeaders }: OverloadProtectionDependencies,
): OverloadProtection {
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
  const gate = createLoadShedder(app, {
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
    isOverHalf: overload.isOverHalf,
    isHalfUsed: overload.isHalfUsed,
    refusesUpgrade: gate.refusesUpgrade,
    watch: readers.watch,
    standInFront() {
      app.addHook('onReady', (done) => {
        gate.install();
        done();
      });
    },
  };
}
