/**
 * Runs the filters of clients on the event loop in time slices. After MAX_SLICE_MS the loop serves other work, and filters pause for as
 * long, so that they take at most half of this instance's time.
 *
 *   idle ──take, run──► in a slice ──slice used up──► resting ──as long──► in a slice | idle
 *           └──────────the loop's next turn──► idle
 */

/** Delay that a slice causes for other work. */
export const MAX_SLICE_MS = 4;
/** Time of one job in a slice, before the next job runs. */
const TURN_MS = 1;

interface Job {
  work: Iterator<unknown>;
  resolve(): void;
  reject(error: unknown): void;
}

export class TimeSlices {
  totalMs = 0;
  #jobs: Job[] = [];
  /** Time used in this turn of the event loop. */
  #usedMs = 0;
  #resting = false;
  #resetScheduled = false;

  get waiting(): number {
    return this.#jobs.length;
  }

  /** Returns true where the work may be done at once, and charges the slice with it. */
  take(ms: number): boolean {
    if (this.#resting || this.#jobs.length > 0 || this.#usedMs + ms > MAX_SLICE_MS) return false;
    this.#usedMs += ms;
    this.#resetLater();
    return true;
  }

  /** Each step of `work` must be short, since other jobs run only between steps. */
  run(work: Iterator<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ work, resolve, reject });
      if (!this.#resting && this.#jobs.length === 1) this.#slice();
    });
  }

  #slice(): void {
    const began = performance.now() - this.#usedMs;
    let now = began;
    while (this.#jobs.length > 0 && now - began < MAX_SLICE_MS) {
      const job = this.#jobs.shift() as Job;
      const turnEnds = now + TURN_MS;
      try {
        let isDone = false;
        do {
          isDone = job.work.next().done === true;
          now = performance.now();
        } while (!isDone && now < turnEnds);
        if (isDone) job.resolve();
        else this.#jobs.push(job);
      } catch (error) {
        job.reject(error);
        now = performance.now();
      }
    }
    this.totalMs += now - began - this.#usedMs;
    this.#usedMs = now - began;
    if (this.#usedMs >= MAX_SLICE_MS) this.#rest();
    else this.#resetLater();
  }

  #rest(): void {
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      this.#usedMs = 0;
      if (this.#jobs.length > 0) this.#slice();
    }, this.#usedMs);
  }

  #resetLater(): void {
    if (this.#resetScheduled) return;
    this.#resetScheduled = true;
    setImmediate(() => {
      this.#resetScheduled = false;
      if (!this.#resting) this.#usedMs = 0;
    });
  }
}
