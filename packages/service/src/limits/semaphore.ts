/** Limits concurrent calls. Holders take turns, so that many calls of one delay another by one; one alone gets 3/4 of the places. */
export class Semaphore {
  readonly #maxRunning: number;
  #running = 0;
  #waiting = 0;
  #runningOf = new Map<string, number>();
  /** In the order in which the holders are served. */
  #queues = new Map<string, (() => void)[]>();

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  isFull(holder = ''): boolean {
    return this.#queues.has(holder) || !this.#mayRun(holder);
  }

  /** @param holder whose share of the places counts; without one, all places may be used */
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
    if (this.#running >= this.#maxRunning) return false;
    if (holder === '') return true;
    const kept = Math.max(1, Math.floor(this.#maxRunning / 4));
    return (this.#runningOf.get(holder) ?? 0) < Math.max(1, this.#maxRunning - kept);
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

  /** Gives a place to the next holder that may run, at once, so that no new call takes it. */
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
