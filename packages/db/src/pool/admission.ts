/** Who gets a slot of a pool, and when: the slots that are idle, those that are handed out, and the requests that wait for one. */
import { PoolLimit } from './limit.ts';
import type { Rest, Slot } from '../connection/connection.ts';
import { SlotShares } from './connection-shares.ts';
import type { PoolOptions } from '../types.ts';
import { type Wait, WaitingQueue } from './waiting-queue.ts';

/** In use at least, whatever is measured: two lanes, and two statements beside them. */
const FLOOR = 4;

export class Admission {
  /** The last one used is used first, so that the others can idle out. */
  readonly idle: Slot[] = [];
  readonly #waiting: WaitingQueue;
  readonly #limit: PoolLimit;
  readonly #shares: SlotShares;
  readonly #slots = {
    held: (key: string | undefined) => this.#shares.held(key),
    mayTake: (key: string | undefined) => this.#mayTake(key),
  };

  constructor({ min, max, autosize, waitingLimit, queueTargetMs }: PoolOptions) {
    this.#limit = new PoolLimit(Math.max(min, FLOOR), max, autosize);
    this.#shares = new SlotShares(max);
    this.#waiting = new WaitingQueue(waitingLimit, queueTargetMs);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** For the gauge. */
  get limit(): number {
    return this.#limit.limit;
  }

  /** Slots that may be open: the reserve among them only while someone waits who may take it. */
  get mayBeOpen(): number {
    const { allowed } = this.#limit;
    return this.#waiting.some((key) => this.#shares.isBelowShare(key)) ? this.#shares.most(allowed) : allowed;
  }

  /** A slot that is idle, where the identity may have it: those who wait may have none of them. */
  take(rest: Rest, key: string | undefined): Slot | undefined {
    if (!this.#mayTake(key)) return undefined;
    const index = this.idle.findLastIndex((slot) => slot.rest === rest);
    const slot = index === -1 ? this.idle.pop() : this.idle.splice(index, 1)[0];
    if (slot !== undefined) this.#hand(slot, key);
    return slot;
  }

  /** @param isAway without any connection the server is away, and not too slow: then each waits for as long as it may */
  refuses(key: string | undefined, isAway: boolean): boolean {
    return this.#waiting.isFullFor(key) || (!isAway && this.#waiting.refuses(key));
  }

  wait(wait: Wait): Promise<Slot> {
    const slot = this.#waiting.wait(wait);
    if (!this.#mayTake(wait.key)) this.#limit.held();
    return slot;
  }

  /** A slot is free to be used. */
  offer(slot: Slot): void {
    this.idle.push(slot);
    this.#serve();
  }

  /** The slot of the identity is no longer in use, and may be idle, closing or gone. */
  left(key: string | undefined): void {
    this.#shares.give(key);
    this.#serve();
  }

  /** A lease ended in the ordinary way. */
  ended(heldMs: number): void {
    this.#limit.ended(heldMs);
  }

  forget(slot: Slot): void {
    const index = this.idle.indexOf(slot);
    if (index !== -1) this.idle.splice(index, 1);
  }

  rejectAll(error: () => Error): void {
    this.#waiting.rejectAll(error);
  }

  /** @param uncounted leases that the limit leaves out */
  sweep(now: number, uncounted: number): void {
    if (this.#limit.sweep(now, uncounted)) this.#serve();
  }

  #mayTake(key: string | undefined): boolean {
    return this.#shares.mayTake(key, this.#limit.allowed);
  }

  #hand(slot: Slot, key: string | undefined): void {
    this.#shares.take(key);
    slot.move('acquire');
  }

  /** Hands idle slots to those in line who may have one. To be called whenever one more of them may. */
  #serve(): void {
    while (this.idle.length > 0) {
      const waiter = this.#waiting.next(this.#slots);
      if (waiter === undefined) break;
      const slot = this.idle.pop() as Slot;
      this.#hand(slot, waiter.key);
      waiter.resolve(slot);
    }
    if (this.#waiting.size > 0 && !this.#waiting.some(this.#slots.mayTake)) this.#limit.held();
  }
}
