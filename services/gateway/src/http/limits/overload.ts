/**
 * The delay of the event loop shows overload, by PIE (RFC 8033; PieController of @tidemark/db). The pools shed
 * requests that wait for Postgres by the same method, so that hits of the cache go on meanwhile.
 */
import { PieController } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';

/** Interval in ms at which the loop's delay is sampled: two steps of the controller. */
const SAMPLE_MS = 50;
/** The minimum of so many samples counts, so that one pause does not (CoDel's rule, RFC 8289 §3.2). */
const SAMPLES = 3;
/** Samples without a request after which none are taken, since there is nothing to shed: 2 s. The next request begins anew. */
const IDLE_SAMPLES = 40;

export type ShedCause = 'event_loop' | 'requests' | 'connections';

export interface Overload {
  /** Returns why the next request is shed, or undefined. */
  refuses(): ShedCause | undefined;
  /** Whether the load is over half of what sheds requests. RATE_LIMITS then bind. */
  isOverHalf(): boolean;
  /** Whether the event loop or a pool is over half in use, or was within the last minute. WORK_LIMITS then bind. */
  isHalfUsed(): boolean;
  count(cause: ShedCause): void;
  stop(): void;
}

export interface OverloadOptions {
  loopMs: number;
  requestsMax: number;
  inFlight: () => number;
  queueMs: number;
  queues: () => readonly Queue[];
  metrics: Metrics;
}

interface Queue {
  readonly name: string;
  readonly waiting: number;
  readonly waitingLimit: number;
  readonly acquiredTotal: number;
  /** Connections that may be in use; `max` before the first measurement. */
  readonly limit?: number;
  readonly max: number;
  readonly slots: { readonly busy: number };
}

/** Half of the share of its limit at which a pool starts to refuse, a quarter (WaitingQueue of @tidemark/db). */
const QUEUE_HALF = 1 / 8;
/** Interval in ms for the pools' figures, which cost 0.1 ms. */
const QUEUES_EVERY_MS = 200;

/** Interval in ms over which use is measured: one burst of requests does not count. */
const USE_EVERY_MS = 500;
/** ms for which WORK_LIMITS bind after the last use. Use falls because of them, and would rise again at once without them. */
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
  let timer: NodeJS.Timeout | undefined;
  let idleSamples = 0;
  let stopped = false;
  const sample = () => {
    const now = performance.now();
    recent.push(Math.max(0, now - due));
    recent.shift();
    delayMs = Math.min(...recent);
    due = now + SAMPLE_MS;
    control?.update(delayMs, now);
    use.sample(now);
    overHalf = queues.areOverHalf(now) || inFlight() >= requestsMax / 2 || (loopMs > 0 && delayMs >= loopMs / 2);
    idleSamples = inFlight() > 0 || overHalf || (control?.probability ?? 0) > 0 ? 0 : idleSamples + 1;
    if (idleSamples < IDLE_SAMPLES) return;
    clearInterval(timer);
    timer = undefined;
    delayMs = 0;
    recent.fill(0);
  };
  const start = () => {
    idleSamples = 0;
    if (timer !== undefined || stopped) return;
    due = performance.now() + SAMPLE_MS;
    timer = setInterval(sample, SAMPLE_MS);
    timer.unref();
  };
  start();

  const shed = metrics.counter('tidemark_shed_total', 'Requests shed with 503, by cause', ['cause']);
  metrics.gauge(
    'tidemark_shed_probability',
    'Probability with which requests are shed for the delay of the event loop',
    [],
    (gauge) => gauge.set(control?.refuses(0) ? control.probability : 0),
  );
  metrics.gauge('tidemark_over_half', '1 while RATE_LIMITS bind', [], (gauge) => gauge.set(overHalf ? 1 : 0));
  metrics.gauge('tidemark_half_used', '1 while WORK_LIMITS bind', [], (gauge) => gauge.set(use.isHalfUsed() ? 1 : 0));
  metrics.gauge('tidemark_event_loop_late_seconds', 'Last measured delay of the event loop', [], (gauge) =>
    gauge.set(delayMs / 1_000),
  );
  return {
    refuses() {
      start();
      if (inFlight() >= requestsMax) return 'requests';
      return control !== undefined && control.probability > 0 && control.refuses() ? 'event_loop' : undefined;
    },
    isOverHalf: () => overHalf,
    isHalfUsed: use.isHalfUsed,
    count: (cause) => shed.inc({ cause }),
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** Whether a new request would wait for Postgres longer than half of SHED_QUEUE_MS: waiting requests by served requests per ms. */
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
