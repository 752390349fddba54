import { initialLimit, type LimitBounds, type LimitState, MIN_COMPLETED, nextLimit } from './vegas-limit.ts';

/** Longer leases are not counted in the limit: they wait for a lock or for their own program. All together are still at most `max`. */
export const LONG_HELD_MS = 1_000;

export class PoolLimit {
  allowed: number;
  readonly #bounds: LimitBounds;
  readonly #isAutomatic: boolean;
  #state: LimitState;
  #since = performance.now();
  #completed = 0;
  #heldMs = 0;
  #saturated = false;

  constructor(floor: number, max: number, isAutomatic: boolean) {
    this.#bounds = { floor: Math.min(floor, max), max };
    this.#isAutomatic = isAutomatic;
    this.#state = initialLimit(max);
    this.allowed = max;
  }

  get limit(): number {
    return Math.floor(this.#state.limit);
  }

  ended(heldMs: number): void {
    this.#completed++;
    this.#heldMs += heldMs;
  }

  /** A request waits although a connection could be opened or is idle. */
  held(): void {
    this.#saturated = true;
  }

  /** `uncounted`: long leases, and those of pipelines. Returns true when more connections may be used than before. */
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
