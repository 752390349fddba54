/**
 * So many at a time; the others wait, those of each holder in their order, and the holders in turn: whoever asks for thousands keeps
 * another waiting for one of them. A quarter of the places is kept free of whoever has all the others. Who uses it limits how many
 * may wait.
 */
export class Semaphore {
  readonly #most: number;
  #running = 0;
  #waiting = 0;
  #runningOf = new Map<string, number>();
  /** In the order in which the holders are served next. */
  #queues = new Map<string, (() => void)[]>();

  constructor(most: number) {
    this.#most = most;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whether `run` would wait. */
  isFull(holder = ''): boolean {
    return this.#queues.has(holder) || !this.#mayRun(holder);
  }

  /** @param holder whom the place is for; without one, the places are nobody's in particular */
  async run<T>(work: () => Promise<T>, holder = ''): Promise<T> {
    if (this.isFull(holder)) await this.#wait(holder);
    else this.#start(holder);
    try {
      return await work();
    } finally {
      this.#end(holder);
    }
  }

  #mayRun(holder: string): boolean {
    if (this.#running >= this.#most) return false;
    if (holder === '') return true;
    const kept = Math.max(1, Math.floor(this.#most / 4));
    return (this.#runningOf.get(holder) ?? 0) < Math.max(1, this.#most - kept);
  }

  #start(holder: string): void {
    this.#running += 1;
    this.#runningOf.set(holder, (this.#runningOf.get(holder) ?? 0) + 1);
  }

  #wait(holder: string): Promise<void> {
    this.#waiting += 1;
    return new Promise((resolve) => {
      const queue = this.#queues.get(holder);
      if (queue) queue.push(resolve);
      else this.#queues.set(holder, [resolve]);
    });
  }

  #end(holder: string): void {
    this.#running -= 1;
    const left = (this.#runningOf.get(holder) ?? 0) - 1;
    if (left > 0) this.#runningOf.set(holder, left);
    else this.#runningOf.delete(holder);
    while (this.#handOn());
  }

  /** To the next holder that may run; the place is taken at once, so that nobody comes in between. */
  #handOn(): boolean {
    for (const [holder, queue] of this.#queues) {
      if (!this.#mayRun(holder)) continue;
      this.#queues.delete(holder);
      const next = queue.shift() as () => void;
      if (queue.length > 0) this.#queues.set(holder, queue);
      this.#waiting -= 1;
      this.#start(holder);
      next();
      return true;
    }
    return false;
  }
}
