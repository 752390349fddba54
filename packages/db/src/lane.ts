/**
 * Express lanes: one or two slots of a pool that many requests share. Each request's transaction is written in one tick,
 * so it stays contiguous and claims never mix; nobody waits for a slot, and the server always has the next one at hand.
 * The risk is that a slow statement holds up those behind it: only statements known to be short ride (statement-stats.ts),
 * under a short statement_timeout.
 */
import { type IdentityOutcome, type IdentityTransaction, sendIdentityTransaction } from './identity-transaction.ts';
import type { Lease } from './lease.ts';
import type { SlotPool } from './pool.ts';
import { useTimeout } from './transaction.ts';

/** Rides over this are cut off and repeated on a slot of their own. Above SHORT_MS, since a busy machine stalls anyone. */
export const LANE_TIMEOUT_MS = 100;
/** At 5 ms each, the last one in line waits a third of a second; beyond it, an exclusive slot is the faster way. */
const RIDERS_MOST = 64;
/** A lane without riders gives its slot back after this. */
const IDLE_MS = 5_000;

class Lane {
  readonly lease: Lease;
  riders = 0;
  lastAnswerAt = 0;

  constructor(lease: Lease) {
    this.lease = lease;
  }

  get isUsable(): boolean {
    return this.lease.slot.state === 'busy' && this.lease.slot.isFresh;
  }
}

export interface Ride {
  outcome: IdentityOutcome;
  waitMs: number;
  ms: number;
}

export class Lanes {
  readonly #pool: SlotPool;
  readonly #most: number;
  readonly #lanes = new Set<Lane>();
  #opening = false;

  constructor(pool: SlotPool, most: number) {
    this.#pool = pool;
    this.#most = most;
  }

  get riders(): number {
    let riders = 0;
    for (const lane of this.#lanes) riders += lane.riders;
    return riders;
  }

  /** Slots that are held, but carry nobody at the moment. */
  get idleSlots(): number {
    let idle = 0;
    for (const lane of this.#lanes) if (lane.riders === 0 && lane.lease.slot.state === 'busy') idle++;
    return idle;
  }

  /** Undefined when no lane has room: take an exclusive slot. Rejects as the exclusive way does. */
  ride(transaction: IdentityTransaction, timeoutMs: number): Promise<Ride> | undefined {
    if (timeoutMs !== 0 && timeoutMs < LANE_TIMEOUT_MS) return undefined;
    const lane = this.#pick();
    return lane === undefined ? undefined : this.#board(lane, transaction, timeoutMs);
  }

  /** Called at the pool's sweep: gives back what is idle or worn out. */
  sweep(now: number): void {
    for (const lane of this.#lanes) {
      if (lane.riders === 0 && (!lane.isUsable || now - lane.lastAnswerAt > IDLE_MS)) this.#giveBack(lane);
    }
  }

  /** No more riders; those on the way arrive. */
  close(): void {
    for (const lane of this.#lanes) if (lane.riders === 0) this.#giveBack(lane);
  }

  async #board(lane: Lane, transaction: IdentityTransaction, timeoutMs: number): Promise<Ride> {
    const sentAt = performance.now();
    if (lane.riders++ === 0) this.#pool.meter.addBusy(1);
    try {
      const outcome = await sendIdentityTransaction(lane.lease.slot, transaction, timeoutMs);
      const now = performance.now();
      // Its own time began when the one before it was answered.
      const startedAt = Math.max(sentAt, lane.lastAnswerAt);
      lane.lastAnswerAt = now;
      return { outcome, waitMs: startedAt - sentAt, ms: now - startedAt };
    } finally {
      if (--lane.riders === 0) {
        this.#pool.meter.addBusy(-1);
        if (!lane.isUsable || this.#pool.isClosed) this.#giveBack(lane);
      }
    }
  }

  #pick(): Lane | undefined {
    let best: Lane | undefined;
    let usable = 0;
    for (const lane of this.#lanes) {
      if (!lane.isUsable) continue;
      usable++;
      if (best === undefined || lane.riders < best.riders) best = lane;
    }
    // The first lane on demand, a second one when those there are have someone on board.
    if (usable < this.#most && (best === undefined || best.riders > 0)) void this.#open();
    return best !== undefined && best.riders < RIDERS_MOST ? best : undefined;
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#lanes.size >= this.#most) return;
    this.#opening = true;
    try {
      const lease = await this.#pool.acquire('none', { holder: { route: 'express lane' } });
      this.#pool.share(lease);
      useTimeout(lease.slot, LANE_TIMEOUT_MS);
      const lane = new Lane(lease);
      lane.lastAnswerAt = performance.now();
      this.#lanes.add(lane);
    } catch {
      // The pool has counted and told why; the riders take the exclusive way and meet the error there.
    } finally {
      this.#opening = false;
    }
  }

  #giveBack(lane: Lane): void {
    this.#lanes.delete(lane);
    this.#pool.release(lane.lease);
  }
}

/** Lanes of a pool with `max` slots; the rest is left to statements that are not short. */
export function lanesOf(max: number): number {
  if (max >= 8) return 2;
  return max >= 3 ? 1 : 0;
}
