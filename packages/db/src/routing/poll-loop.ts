/** Runs a poll again and again, one at a time: at its interval, or sooner when asked. */
export class PollLoop {
  readonly #poll: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  /** `poll` must not reject. `intervalMs` is asked for after each poll. */
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

  /** The poll that is under way, else a new one. */
  now(): Promise<void> {
    if (this.#running === undefined) {
      clearTimeout(this.#timer);
      this.#running = this.#stopped ? Promise.resolve() : this.#poll();
    }
    return this.#running;
  }

  /** A poll that starts after this call: one under way may have asked the server before it. */
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
