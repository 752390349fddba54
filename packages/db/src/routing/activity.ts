/**
 * Tells whether requests use a database. Without any for IDLE_MS its watchers ask the servers less often, and the first
 * request afterwards lets them ask at once.
 */

/** Longer than the pause between two requests of one person who tries something. */
const IDLE_MS = 30_000;

export class Activity {
  #requests = 0;
  #seen = 0;
  #seenAt = performance.now();
  #waking: Promise<void> | undefined;
  readonly #wake: () => Promise<unknown>;
  readonly #idleMs: number;
  /** Read for each request; `look` sets it. */
  isIdle = false;

  /** `wake` asks all servers now; it must not reject. */
  constructor(wake: () => Promise<unknown>, idleMs: number = IDLE_MS) {
    this.#wake = wake;
    this.#idleMs = idleMs;
  }

  note(): void {
    this.#requests++;
  }

  /** Resolves once the servers have been asked again, or after `maxMs`: positions are then as old as those of a poll. */
  wake(maxMs: number): Promise<void> {
    this.isIdle = false;
    this.#seenAt = performance.now();
    this.#waking ??= new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      void this.#wake().then(() => {
        clearTimeout(timer);
        resolve();
      });
    }).finally(() => {
      this.#waking = undefined;
    });
    return this.#waking;
  }

  /** Undefined unless the servers are being asked for the first time after a pause. */
  get waking(): Promise<void> | undefined {
    return this.#waking;
  }

  /** The watchers call it with each poll. Returns whether nothing has happened for long enough to ask less often. */
  look(): boolean {
    const now = performance.now();
    if (this.#requests !== this.#seen) {
      this.#seen = this.#requests;
      this.#seenAt = now;
    }
    this.isIdle = now - this.#seenAt > this.#idleMs;
    return this.isIdle;
  }
}
