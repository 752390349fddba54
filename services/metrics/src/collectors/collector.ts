/** A failure clears the value, so that it is either current or missing, never stale. Runs never overlap. */
import { Semaphore } from '@tidemark/service';
import pTimeout from 'p-timeout';
import { errors } from '../errors.ts';
import type { MetricsEvent } from '../events.ts';
import type { HealthAnswer } from '../health/answer.ts';
import { Pace } from './pace.ts';

export interface CollectorDefinition<T> {
  name: string;
  /** ms between the end of one run and the start of the next. */
  intervalMs: number;
  timeoutMs: number;
  /** It has nothing new while nobody uses the system, so it runs hardly ever meanwhile. */
  rests?: true;
  collect(): Promise<T>;
}

export type CollectorState = HealthAnswer['collectors'][number];

/** Collectors with a long interval recover soon after their server. */
const MAX_RETRY_MS = 2_000;

export interface Collector<T> {
  value(): T | undefined;
  state(): CollectorState;
  stop(): Promise<void>;
}

/** @param turns collectors with the same semaphore run one after another, and wait for their turn without a time limit */
export function startCollector<T>(
  definition: CollectorDefinition<T>,
  observe: (event: MetricsEvent) => void,
  turns: Semaphore = new Semaphore(1),
  pace: Pace = new Pace(Number.POSITIVE_INFINITY),
): Collector<T> {
  const { name, intervalMs, timeoutMs, rests = false } = definition;
  let value: T | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const state: CollectorState = {
    name,
    intervalMs,
    collectedAt: null,
    tookMs: null,
    error: null,
    hint: null,
    failingSince: null,
    runsTotal: 0,
    failuresTotal: 0,
  };

  async function run(): Promise<void> {
    if (stopped) return;
    const startedAt = Date.now();
    const late = errors.COLLECTOR_TIMEOUT({ name, timeoutMs });
    state.runsTotal++;
    try {
      value = await pTimeout(definition.collect(), { milliseconds: timeoutMs, message: late });
      state.collectedAt = Date.now();
      state.tookMs = state.collectedAt - startedAt;
      if (state.error !== null) observe({ type: 'metrics.collector_recovered', collector: name });
      state.error = state.hint = state.failingSince = null;
    } catch (cause) {
      const error = cause instanceof Error ? cause : errors.COLLECTOR_FAILED({ name, reason: String(cause) });
      value = undefined;
      state.failuresTotal++;
      if (error.message !== state.error) observe({ type: 'metrics.collector_failed', collector: name, error });
      state.error = error.message;
      state.hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : null;
      state.failingSince ??= Date.now();
    }
  }

  const endWakes = pace.onWake(() => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    running = loop();
  });
  let running = loop();
  function loop(): Promise<void> {
    return turns.run(run).then(() => {
      if (stopped) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          running = loop();
        },
        state.error === null ? pace.intervalMs(intervalMs, rests) : Math.min(intervalMs, MAX_RETRY_MS),
      );
    });
  }

  return {
    value: () => value,
    state: () => ({ ...state }),
    async stop() {
      stopped = true;
      endWakes();
      clearTimeout(timer);
      await running;
    },
  };
}
