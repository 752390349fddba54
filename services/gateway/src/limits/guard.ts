/** Puts the gate, the watch over slow readers and the count of what the pools shed around an app. */
import { type BaseApp, inFlightOf, type Metrics } from '@tidemark/service';
import type { Config } from '../config.ts';
import type { BrowserHeaders } from '../plugins/browser-headers.ts';
import { installGate } from './gate.ts';
import { watchOverload } from './overload.ts';
import { cutOffSlowReaders } from './slow-readers.ts';

export interface GuardDependencies {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly browserHeaders: BrowserHeaders;
}

/** Last of all: the gate stands before every listener that is there when the app is ready. */
export function guard(app: BaseApp, { config, metrics, browserHeaders }: GuardDependencies): void {
  const overload = watchOverload({
    ...{ loopMs: config.SHED_LOOP_MS, requestsMax: config.REQUESTS_MAX, metrics },
    inFlight: inFlightOf(app),
  });
  const readers = cutOffSlowReaders(app, {
    ...{ ms: config.SLOW_READER_MS, bytesPerSecond: config.SLOW_READER_BYTES_PER_S, maxBytes: config.UNSENT_MAX_BYTES },
    metrics,
  });
  app.addHook('onReady', (done) => {
    installGate(app, { overload, connectionsMax: config.CONNECTIONS_MAX, headersFor: browserHeaders.headersFor });
    done();
  });
  app.addHook('onClose', (_app, done) => {
    overload.stop();
    readers.stop();
    done();
  });
}

/** For fastify's `trustProxy`: a number of hops, addresses, or nobody. */
export function trustedProxies(setting: string): false | number | string {
  if (setting === '') return false;
  return /^\d+$/.test(setting) ? Number(setting) : setting;
}
