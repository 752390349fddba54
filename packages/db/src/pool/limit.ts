/** How many connections of a pool may be in use at a time: feeds pool/vegas-limit.ts with what it measures. */
import { initialLimit, type LimitBounds, type LimitState, MIN_COMPLETED, nextLimit } from './vegas-limit.ts';

/**
 * A lease held for longer is left out of the limit: it waits for a lock or for its own program, and others must not wait for it.
 * All together they still are at most `max`.
 */
export const LONG_HELD_MS = 1_000;

export class PoolLimit {
  /** Connections that may be in use. */
  allowed: number;
  readonly #bounds: LimitBounds;
  readonly #isAutomatic: boolean;
  #state: LimitState;
  #since = performance.now();
  #completed = 0;
  #heldMs = 0;
  #saturated = false;

  /** `floor` is what the pool always may use. */
  constructor(floor: number, max: number, isAutomatic: boolean) {
    this.#bounds = { floor: Math.min(floor, max), max };
    this.#isAutomatic = isAutomatic;
    this.#state = initialLimit(max);
    this.allowed = max;
  }

  /** Without the leases that do not count: for the gauge. */
  get limit(): number {
    return Math.floor(this.#state.limit);
  }

  /** A lease ended in the ordinary way. */
  ended(heldMs: number): void {
    this.#completed++;
    this.#heldMs += heldMs;
  }

  /** Someone waits, and a connection would be there. */
  held(): void {
    this.#saturated = true;
  }

  /** `uncounted`: leases that are held for long, and those of pipelines. True when more may be handed out than before. */
  sweep(now: number, uncounted: number): boolean {
    if (!this.#isAutomatic) return false;
    if (this.#completed >= MIN_COMPLETED) {
      const measured = {
        at: now,
        elapsedMs: Math.max(1, now - this.#since),
        completed: this.#completed,
        heldMs: Math.max(Number.EPSILON, this.#heldMs),
        saturated: this.#saturated,
      };
      this.#state = nextLimit(this.#state, measured, this.#bounds);
      this.#since = now;
      this.#completed = 0;
      this.#heldMs = 0;
      this.#saturated = false;
    }
    const before = this.allowed;
    this.allowed = Math.min(this.#bounds.max, Math.floor(this.#state.limit) + uncounted);
    return this.allowed > before;
  }
}
