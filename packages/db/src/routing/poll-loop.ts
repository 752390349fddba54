export class PollLoop {
  readonly #poll: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  /** `poll` must not reject. `intervalMs` is called after each poll. */
  constructor(poll: () => Promise<void>, intervalMs: () => number) {
    this.#poll = async () => {
      try {
        await poll();
      } finally {
        this.#running = undefined;
        if (!this.#stopped) {
          this.#timer = setTimeout(() => this.now(), intervalMs());
          this.#timer.unref();
        }
      }
    };
  }

  now(): Promise<void> {
    if (this.#running === undefined) {
      clearTimeout(this.#timer);
      this.#running = this.#stopped ? Promise.resolve() : this.#poll();
    }
    return this.#running;
  }

  /** Waits for a poll that starts after this call: a running one may have asked the server before it. */
  async fresh(): Promise<void> {
    if (this.#running !== undefined) await this.#running;
    await this.now();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
