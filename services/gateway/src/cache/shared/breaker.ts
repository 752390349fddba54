/**
 * Whether the second level is asked. Pure: the clock comes in.
 *
 *   closed ──failures in a row──► open ──after a pause, one try──► closed (it worked) · open (it did not)
 */

/** A single late answer is chance. */
const FAILURES = 5;
/** A dead server then costs one deadline in a second. */
const PAUSE_MS = 1_000;

export class Breaker {
  #failures = 0;
  #until = 0;

  /** Whether to ask now; while it is open, one caller in each pause may. */
  admits(now: number): boolean {
    if (this.#failures < FAILURES) return true;
    if (now < this.#until) return false;
    this.#until = now + PAUSE_MS;
    return true;
  }

  worked(): void {
    this.#failures = 0;
  }

  failed(now: number): void {
    this.#failures += 1;
    this.#until = now + PAUSE_MS;
  }

  get isOpen(): boolean {
    return this.#failures >= FAILURES;
  }
}
