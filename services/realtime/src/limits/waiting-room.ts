/** Work that is done so many at a time and may wait for its turn, in a limited number, of which each identity has a share. */

import { type Refusal, SharedLimit } from '@tidemark/service';
import { Turns } from '../topics/turns.ts';

export interface WaitingRoomLimits {
  concurrency: number;
  maxWaiting: number;
  sharePercent: number;
}

export class WaitingRoom {
  #turns: Turns;
  #places: SharedLimit;

  constructor({ concurrency, maxWaiting, sharePercent }: WaitingRoomLimits) {
    this.#turns = new Turns(concurrency);
    this.#places = new SharedLimit(maxWaiting, sharePercent);
  }

  get running(): number {
    return this.#turns.running;
  }

  get waiting(): number {
    return this.#turns.waiting;
  }

  /** Why one more of this identity may not even wait; to be asked right before `run`. */
  refuses(holder: string): Refusal | undefined {
    return this.#turns.isFull(holder) ? this.#places.refuses(holder, 1) : undefined;
  }

  async run<T>(holder: string, work: () => Promise<T>): Promise<T> {
    let waits = this.#turns.isFull(holder);
    if (waits) this.#places.take(holder, 1);
    const leave = () => {
      if (waits) this.#places.give(holder, 1);
      waits = false;
    };
    try {
      return await this.#turns.run(() => {
        leave();
        return work();
      }, holder);
    } finally {
      leave();
    }
  }
}
