/** At a high rate, changes are batched: a write costs about the same for one change as for fifty. */
const WINDOW_MS = 100;

export class WriteRate {
  #limit: number;
  #window = 0;
  #writes = 0;
  #before = 0;

  constructor(writesPerSecond: number) {
    this.#limit = (writesPerSecond * WINDOW_MS) / 1_000;
  }

  wrote(count: number, now: number): void {
    this.#turn(now);
    this.#writes += count;
  }

  isHigh(now: number): boolean {
    this.#turn(now);
    return this.#writes > this.#limit || this.#before > this.#limit;
  }

  #turn(now: number): void {
    const window = Math.floor(now / WINDOW_MS);
    if (window === this.#window) return;
    this.#before = window === this.#window + 1 ? this.#writes : 0;
    this.#window = window;
    this.#writes = 0;
  }
}
