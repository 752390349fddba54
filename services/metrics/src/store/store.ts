/**
 * Keeps figures and events over restarts. It looks each 10 s whether a step has ended or an event has happened; while
 * Postgres does not answer, events wait in the timeline, and the steps of that time are not kept.
 */
import type { Pool } from '@tidemark/db';
import type { MetricsEvent } from '../events.ts';
import type { History } from '../history/history.ts';
import { stepped } from '../history/steps.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { MAX_EVENTS_SAVED, newestEvents, purgeEvents, saveEvents } from './event-store.ts';
import { sampleRows } from './sample-rows.ts';
import { MINUTES, purgeSamples, QUARTERS, type Step, saveSamples } from './sample-store.ts';

export interface StoreOptions {
  pool: () => Pool;
  history: History;
  timeline: Timeline;
  /** Whether this instance is the one that writes. */
  isLeader: () => boolean;
  observe: (event: MetricsEvent) => void;
}

/** A step is read when its last sample is certainly there. */
const SETTLED_MS = 1_500;

export class Store {
  readonly #options: StoreOptions;
  readonly #written = new Map<Step, number>();
  #isLoaded = false;
  #failedAt = 0;
  #purgedAt = 0;
  omittedTotal = 0;
  storedBytes = 0;

  constructor(options: StoreOptions, startedAt: number) {
    this.#options = options;
    // The step in which this process started is not complete.
    for (const step of [MINUTES, QUARTERS]) this.#written.set(step, beginningOf(startedAt, step));
  }

  /** Never rejects. Call it each 10 s. */
  async look(now: number): Promise<void> {
    try {
      const pool = this.#options.pool();
      await this.#load(pool);
      if (!this.#options.isLeader()) {
        this.#options.timeline.saved(Number.POSITIVE_INFINITY);
        return;
      }
      await this.#saveEvents(pool);
      for (const step of [MINUTES, QUARTERS]) await this.#saveStep(pool, step, now);
      await this.#purge(pool, now);
      this.#failedAt = 0;
    } catch (error) {
      if (this.#failedAt === 0) this.#options.observe({ type: 'metrics.store_failed', error: error as Error });
      this.#failedAt = now;
    }
  }

  async #load(pool: Pool): Promise<void> {
    if (this.#isLoaded) return;
    const { timeline } = this.#options;
    timeline.prepend(await newestEvents(pool, timeline.limit));
    this.#isLoaded = true;
  }

  async #saveEvents(pool: Pool): Promise<void> {
    const events = this.#options.timeline.unsaved(MAX_EVENTS_SAVED);
    const last = events.at(-1);
    if (!last) return;
    await saveEvents(pool, events);
    this.#options.timeline.saved(last.id);
  }

  async #saveStep(pool: Pool, step: Step, now: number): Promise<void> {
    const at = beginningOf(now - SETTLED_MS, step) - step.seconds * 1_000;
    if (at <= (this.#written.get(step) as number)) return;
    const { history } = this.#options;
    const samples = stepped(history.read(['*'], (now - at) / 1_000), step.seconds * 1_000);
    const slot = samples.at.indexOf(at);
    if (slot >= 0) {
      const { rows, omitted } = sampleRows(samples, slot);
      this.omittedTotal += omitted;
      await saveSamples(pool, step, at, rows);
    }
    this.#written.set(step, at);
  }

  async #purge(pool: Pool, now: number): Promise<void> {
    if (now - this.#purgedAt < QUARTERS.seconds * 1_000) return;
    this.storedBytes = await purgeSamples(pool);
    await purgeEvents(pool);
    this.#purgedAt = now;
  }
}

function beginningOf(time: number, { seconds }: Step): number {
  return time - (time % (seconds * 1_000));
}
