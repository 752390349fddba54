/**
 * Whether the gateway itself has more to do than it can: how late its event loop is decides, by PIE (RFC 8033; PieController of
 * @tidemark/db). What waits for Postgres is shed where it waits, by the same method (SHED_QUEUE_MS): answers from the cache go on
 * meanwhile.
 */
import { PieController } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';

/** How often the loop's delay is taken. Two steps of the controller; 20 wake-ups a second cost nothing. */
const SAMPLE_MS = 50;
/** The least of so many in a row counts: a queue that stands, not one pause (CoDel's rule, RFC 8289 §3.2). */
const SAMPLES = 3;

export type ShedCause = 'event_loop' | 'requests' | 'connections';

export interface Overload {
  /** Why the next request is not taken; undefined: it is. */
  refuses(): ShedCause | undefined;
  /** Over half of what it refuses at: identities are held to their share of requests (RATE_LIMITS). */
  isOverHalf(): boolean;
  /** The event loop, or a pool, is over half in use, or was a moment ago: identities are held to their share of work (WORK_LIMITS). */
  isHalfUsed(): boolean;
  count(cause: ShedCause): void;
  stop(): void;
}

export interface OverloadOptions {
  /** SHED_LOOP_MS; 0: off. */
  loopMs: number;
  requestsMax: number;
  inFlight: () => number;
  /** SHED_QUEUE_MS; 0: off. */
  queueMs: number;
  queues: () => readonly Queue[];
  metrics: Metrics;
}

/** Requests that wait for a connection to Postgres. */
interface Queue {
  readonly name: string;
  readonly waiting: number;
  readonly waitingLimit: number;
  readonly acquiredTotal: number;
  /** Connections that may be in use (`max`: where nothing was measured), and those that are. */
  readonly limit?: number;
  readonly max: number;
  readonly slots: { readonly busy: number };
}

/** A pool begins to refuse at a quarter of its limit (WaitingQueue of @tidemark/db); half of that is an eighth. */
const QUEUE_HALF = 1 / 8;
/** The pools' figures cost some 0.1 ms. */
const QUEUES_EVERY_MS = 200;

/** One burst of requests is no load. */
const USE_EVERY_MS = 500;
/** The use falls when identities are held to their share. Were they let go then, it would rise again at once. */
const USED_FOR_MS = 60_000;

export function watchOverload(options: OverloadOptions): Overload {
  const { loopMs, requestsMax, inFlight, metrics } = options;
  const queues = watchQueues(options);
  const use = watchUse(options);
  const control = loopMs > 0 ? new PieController(loopMs) : undefined;
  let delayMs = 0;
  const recent = Array<number>(SAMPLES).fill(0);
  let due = performance.now() + SAMPLE_MS;
  let overHalf = false;
  const timer = setInterval(() => {
    const now = performance.now();
    recent.push(Math.max(0, now - due));
    recent.shift();
    delayMs = Math.min(...recent);
    due = now + SAMPLE_MS;
    control?.update(delayMs, now);
    use.sample(now);
    overHalf = queues.areOverHalf(now) || inFlight() >= requestsMax / 2 || (loopMs > 0 && delayMs >= loopMs / 2);
  }, SAMPLE_MS);
  timer.unref();

  const shed = metrics.counter('tidemark_shed_total', 'Requests answered with 503 unheard, by cause', ['cause']);
  metrics.gauge(
    'tidemark_shed_probability',
    'Share of requests that is refused for the event loop’s delay',
    [],
    (gauge) => gauge.set(control?.refuses(0) ? control.probability : 0),
  );
  metrics.gauge('tidemark_over_half', '1 while identities are held to their share of requests', [], (gauge) =>
    gauge.set(overHalf ? 1 : 0),
  );
  metrics.gauge('tidemark_half_used', '1 while identities are held to their share of work', [], (gauge) =>
    gauge.set(use.isHalfUsed() ? 1 : 0),
  );
  metrics.gauge('tidemark_event_loop_late_seconds', 'How late the event loop was, last time', [], (gauge) =>
    gauge.set(delayMs / 1_000),
  );
  return {
    refuses() {
      if (inFlight() >= requestsMax) return 'requests';
      return control !== undefined && control.probability > 0 && control.refuses() ? 'event_loop' : undefined;
    },
    isOverHalf: () => overHalf,
    isHalfUsed: use.isHalfUsed,
    count: (cause) => shed.inc({ cause }),
    stop: () => clearInterval(timer),
  };
}

/** Whether a newcomer would wait for Postgres half as long as it is refused at: what waits / what was served in a second. */
function watchQueues({ queueMs, queues }: Pick<OverloadOptions, 'queueMs' | 'queues'>) {
  const servedBefore = new Map<string, number>();
  let lookedAt = 0;
  let overHalf = false;
  return {
    areOverHalf(now: number): boolean {
      const elapsedMs = now - lookedAt;
      if (queueMs === 0 || elapsedMs < QUEUES_EVERY_MS) return overHalf;
      lookedAt = now;
      overHalf = false;
      for (const { name, waiting, waitingLimit, acquiredTotal } of queues()) {
        const served = acquiredTotal - (servedBefore.get(name) ?? acquiredTotal);
        servedBefore.set(name, acquiredTotal);
        const delayMs = (waiting * elapsedMs) / Math.max(1, served);
        if (waiting >= waitingLimit * QUEUE_HALF && delayMs >= queueMs / 2) overHalf = true;
      }
      return overHalf;
    },
  };
}

/** The share of time in which the event loop was at work, and the share of a pool that is in use. */
function watchUse({ loopMs, queues }: Pick<OverloadOptions, 'loopMs' | 'queues'>) {
  let before = performance.eventLoopUtilization();
  let sampledAt = performance.now();
  let usedAt = Number.NEGATIVE_INFINITY;
  return {
    sample(now: number): void {
      if (now - sampledAt < USE_EVERY_MS) return;
      sampledAt = now;
      const current = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(current, before);
      before = current;
      const isLoopUsed = loopMs > 0 && utilization >= 0.5;
      if (isLoopUsed || queues().some(({ max, limit = max, slots }) => slots.busy > limit / 2)) usedAt = now;
    },
    isHalfUsed: () => performance.now() - usedAt < USED_FOR_MS,
  };
}
