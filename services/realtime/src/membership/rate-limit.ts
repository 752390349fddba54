/** Time whose unused turns may be used at once, ms. */
const BURST_MS = 200;

/** Spaces turns evenly: at most `perSecond` of them. */
export class RateLimit {
  readonly #gapMs: number;
  #next = 0;

  constructor(perSecond: number) {
    this.#gapMs = 1_000 / perSecond;
  }

  async turn(): Promise<void> {
    const now = Date.now();
    this.#next = Math.max(this.#next + this.#gapMs, now - BURST_MS);
    const waitMs = this.#next - now;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
