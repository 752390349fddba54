/**
 * A circuit breaker for the second level. Pure: the caller passes the time.
 *
 *   closed ──failures in a row──► open ──after a pause, one try──► closed (success) · open (failure)
 */

/** Failures in a row that open the breaker. A single late answer may be chance. */
const FAILURES = 5;
/** ms. A dead server then costs one timeout in a second. */
const PAUSE_MS = 1_000;

export class Breaker {
  #failures = 0;
  #until = 0;

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
