/**
 * Collectors run less often while nobody looks and nothing happens. The first request, change or item lets all of them run
 * again at once.
 */
import type { Telemetry } from '@tidemark/contracts';

/** Longer than the pause between two looks of an operator, or between two requests of a quiet system. */
const QUIET_AFTER_MS = 60_000;
/** A finding must be there within 10 s, so that 1 s becomes 5 s, and shorter intervals than this do not exceed it. */
const MAX_PROMPT_MS = 10_000;
const FACTOR = 5;
const MAX_INTERVAL_MS = 120_000;
/** Interval of the collectors that have nothing new meanwhile. */
const REST_MS = 60_000;

export class Pace {
  #busyAt = performance.now();
  #wasQuiet = false;
  readonly #done = new Map<string, number>();
  readonly #wakes = new Set<() => void>();
  readonly #quietAfterMs: number;

  constructor(quietAfterMs: number = QUIET_AFTER_MS) {
    this.#quietAfterMs = quietAfterMs;
  }

  get isQuiet(): boolean {
    this.#wasQuiet = performance.now() - this.#busyAt > this.#quietAfterMs;
    return this.#wasQuiet;
  }

  intervalMs(ms: number, rests = false): number {
    if (!this.isQuiet) return ms;
    if (rests) return Math.max(ms, REST_MS);
    return Math.max(ms, Math.min(ms * FACTOR, ms <= MAX_PROMPT_MS ? MAX_PROMPT_MS : MAX_INTERVAL_MS));
  }

  /** Call it when an operator asks for something. */
  note(): void {
    this.#busyAt = performance.now();
    if (!this.#wasQuiet) return;
    this.#wasQuiet = false;
    for (const wake of this.#wakes) wake();
  }

  /** Requests, changes delivered and items of jobs count; there are at most as many instances as the registry has. */
  heard({ service, instance, http, sockets, workers }: Telemetry): void {
    const key = `${service}/${instance}`;
    const done = (http?.requestsTotal ?? 0) + (sockets?.framesTotal ?? 0) + (workers?.itemsDoneTotal ?? 0);
    const before = this.#done.get(key);
    this.#done.set(key, done);
    if (before !== undefined && done !== before) this.note();
  }

  forget(key: string): void {
    this.#done.delete(key);
  }

  /** Returns a function that ends it. */
  onWake(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }
}
