/** A semaphore with a limited number of waiting calls, of which each identity has a share. */
import { type Refusal, Semaphore, SharedLimit } from '@tidemark/service';

export interface WaitingRoomLimits {
  concurrency: number;
  maxWaiting: number;
  sharePercent: number;
}

export class WaitingRoom {
  #semaphore: Semaphore;
  #places: SharedLimit;

  constructor({ concurrency, maxWaiting, sharePercent }: WaitingRoomLimits) {
    this.#semaphore = new Semaphore(concurrency);
    this.#places = new SharedLimit(maxWaiting, sharePercent);
  }

  get running(): number {
    return this.#semaphore.running;
  }

  get waiting(): number {
    return this.#semaphore.waiting;
  }

  /** Returns the limit that forbids one more waiting call of this holder. Call it right before `run`. */
  refuses(holder: string): Refusal | undefined {
    return this.#semaphore.isFull(holder) ? this.#places.refuses(holder, 1) : undefined;
  }

  async run<T>(holder: string, work: () => Promise<T>): Promise<T> {
    let waits = this.#semaphore.isFull(holder);
    if (waits) this.#places.take(holder, 1);
    const leave = () => {
      if (waits) this.#places.give(holder, 1);
      waits = false;
    };
    try {
      return await this.#semaphore.run(() => {
        leave();
        return work();
      }, holder);
    } finally {
      leave();
    }
  }
}
