/**
 * Work of strangers' making (filters) on the event loop, in slices: after MAX_SLICE_MS the loop serves everybody else, and such
 * work rests for as long, so that it never takes more than half of this instance's time, however much of it waits.
 *
 *   idle ──take, run──► in a slice ──slice used up──► resting ──as long──► in a slice | idle
 *           └──────────the loop's next turn──► idle
 */

/** A socket waits for no more than this, which nobody notices. */
export const MAX_SLICE_MS = 4;
/** A job's turn among others: many short steps, or a single long one. */
const TURN_MS = 1;

interface Job {
  work: Iterator<unknown>;
  resolve(): void;
  reject(error: unknown): void;
}

export class TimeSlices {
  /** Time that was spent in `run`, since the start. */
  totalMs = 0;
  #jobs: Job[] = [];
  /** Of this turn of the loop. */
  #usedMs = 0;
  #resting = false;
  #resetScheduled = false;

  /** Jobs that are not done yet. */
  get waiting(): number {
    return this.#jobs.length;
  }

  /** Whether work of an estimated length may be done at once, which the slice is then charged with. */
  take(ms: number): boolean {
    if (this.#resting || this.#jobs.length > 0 || this.#usedMs + ms > MAX_SLICE_MS) return false;
    this.#usedMs += ms;
    this.#resetLater();
    return true;
  }

  /** Steps through `work`, in turn with others'; each of its steps is short. @throws what the work throws */
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
