/** So many at a time; the others wait, first come, first served. Whoever uses it limits how many may wait. */
export class Turns {
  readonly #most: number;
  #running = 0;
  #queue: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get isFull(): boolean {
    return this.#running >= this.#most;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isFull) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      // The turn is handed on, so that nobody comes in between.
      if (next) next();
      else this.#running -= 1;
    }
  }
}
