/**
 * Whether the gateway itself has more to do than it can: how late its event loop is decides, by PIE (RFC 8033; QueueControl of
 * @tidemark/db). What waits for Postgres is shed where it waits, by the same method (SHED_QUEUE_MS): answers from the cache go on
 * meanwhile.
 */
import { QueueControl } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';

/** How often the loop's delay is taken. Two steps of the controller; 20 wake-ups a second cost nothing. */
const SAMPLE_MS = 50;
/** The least of so many in a row counts: a queue that stands, not one pause (CoDel's rule, RFC 8289 §3.2). */
const SAMPLES = 3;

export type ShedCause = 'event_loop' | 'requests' | 'connections';

export interface Overload {
  /** Why the next request is not taken; undefined: it is. */
  refuses(): ShedCause | undefined;
  count(cause: ShedCause): void;
  stop(): void;
}

export interface OverloadOptions {
  /** SHED_LOOP_MS; 0: off. */
  loopMs: number;
  requestsMax: number;
  inFlight: () => number;
  metrics: Metrics;
}

export function watchOverload({ loopMs, requestsMax, inFlight, metrics }: OverloadOptions): Overload {
  const control = loopMs > 0 ? new QueueControl(loopMs) : undefined;
  let delayMs = 0;
  const recent = Array<number>(SAMPLES).fill(0);
  let due = performance.now() + SAMPLE_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    recent.push(Math.max(0, now - due));
    recent.shift();
    delayMs = Math.min(...recent);
    due = now + SAMPLE_MS;
    control?.update(delayMs, now);
  }, SAMPLE_MS);
  timer.unref();

  const shed = metrics.counter('tidemark_shed_total', 'Requests answered with 503 unheard, by cause', ['cause']);
  metrics.gauge(
    'tidemark_shed_probability',
    'Share of requests that is refused for the event loop’s delay',
    [],
    (gauge) => gauge.set(control?.refuses(0) ? control.probability : 0),
  );
  metrics.gauge('tidemark_event_loop_late_seconds', 'How late the event loop was, last time', [], (gauge) =>
    gauge.set(delayMs / 1_000),
  );
  return {
    refuses() {
      if (inFlight() >= requestsMax) return 'requests';
      return control !== undefined && control.probability > 0 && control.refuses() ? 'event_loop' : undefined;
    },
    count: (cause) => shed.inc({ cause }),
    stop: () => clearInterval(timer),
  };
}
