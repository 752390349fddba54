/**
 * Express lanes: one or two slots of a pool that many requests share. Each read is one transaction, contiguous on the wire
 * (lane-wire.ts), so claims never mix; nobody waits for a slot, and the server always has the next one at hand.
 * The risk is that a slow statement holds up those behind it: only statements known to be short ride (statement-stats.ts),
 * under a short statement_timeout.
 */
import { LaneWire } from './wire.ts';
import type { Lease } from '../pool/lease.ts';
import type { SlotPool } from '../pool/pool.ts';
import { Ride, type Ticket } from './pipelined-read.ts';
import { setTimeoutOf } from '../transactions/transaction.ts';
import type { Holder } from '../types.ts';

/** Rides over this are cut off and repeated on a slot of their own. Above SHORT_MS, since a busy machine stalls anyone. */
const LANE_TIMEOUT_MS = 100;
/** At 5 ms each, the last one in line waits a third of a second; beyond it, an exclusive slot is the faster way. */
const RIDERS_MOST = 64;
/** A lane without riders gives its slot back after this. */
const IDLE_MS = 5_000;

class Lane {
  readonly lease: Lease;
  readonly wire: LaneWire;
  riders = 0;
  readonly openedAt: number = performance.now();

  constructor(lease: Lease, wire: LaneWire) {
    this.lease = lease;
    this.wire = wire;
  }

  get isUsable(): boolean {
    const { slot } = this.lease;
    return slot.state === 'busy' && slot.isFresh && !slot.prepared.wantsMeasure && !this.wire.isSpoilt;
  }
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

  /**
   * False when no lane has room: take an exclusive slot. Else `onArrival` is called once, with the rows or the error in the ride.
   * Throws DB_ROLE_REFUSED and DB_SETTING_REFUSED, with nothing sent.
   */
  ride(ticket: Ticket, holder: Holder | undefined, timeoutMs: number, onArrival: (ride: Ride) => void): boolean {
    if (timeoutMs !== 0 && timeoutMs < LANE_TIMEOUT_MS) return false;
    const lane = this.#pick(ticket.inert);
    if (lane === undefined) return false;
    const ride = new Ride(ticket, holder, this.#pool.answers, (arrived) => {
      this.#alight(lane);
      onArrival(arrived);
    });
    if (lane.riders++ === 0) this.#pool.meter.addBusy(1);
    try {
      lane.wire.send(ride, timeoutMs);
    } catch (error) {
      this.#alight(lane);
      throw error;
    }
    return true;
  }

  /** Called at the pool's sweep: gives back what is idle or worn out. */
  sweep(now: number): void {
    for (const lane of this.#lanes) {
      if (lane.riders === 0 && (!lane.isUsable || now - Math.max(lane.openedAt, lane.wire.answeredAt) > IDLE_MS))
        this.#giveBack(lane);
    }
  }

  /** No more riders; those on the way arrive. */
  close(): void {
    for (const lane of this.#lanes) if (lane.riders === 0) this.#giveBack(lane);
  }

  #alight(lane: Lane): void {
    if (--lane.riders > 0) return;
    this.#pool.meter.addBusy(-1);
    if (!lane.isUsable || this.#pool.isClosed) this.#giveBack(lane);
  }

  /** The least busy one, but where a transaction is about to leave, those that may share it do. */
  #pick(inert: boolean): Lane | undefined {
    let best: Lane | undefined;
    let shared: Lane | undefined;
    let usable = 0;
    for (const lane of this.#lanes) {
      if (!lane.isUsable) continue;
      usable++;
      if (inert && lane.wire.hasRoom && lane.riders < RIDERS_MOST) shared = lane;
      if (best === undefined || lane.riders < best.riders) best = lane;
    }
    // The first lane on demand, a second one when those there are have someone on board.
    if (usable < this.#most && (best === undefined || best.riders > 0)) void this.#open();
    best = shared ?? best;
    return best !== undefined && best.riders < RIDERS_MOST ? best : undefined;
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#lanes.size >= this.#most) return;
    this.#opening = true;
    try {
      const lease = await this.#pool.acquire('none', { holder: { route: 'express lane' } });
      this.#pool.share(lease);
      // Answered before the driver is put aside.
      await setTimeoutOf(lease.slot, LANE_TIMEOUT_MS);
      const wire = lease.slot.state === 'busy' ? LaneWire.on(lease.slot, this.#pool.meter) : undefined;
      if (wire === undefined || this.#pool.isClosed) this.#pool.release(lease);
      else this.#lanes.add(new Lane(lease, wire));
    } catch {
      // The pool has counted and told why; the riders take the exclusive way and meet the error there.
    } finally {
      this.#opening = false;
    }
  }

  #giveBack(lane: Lane): void {
    if (!this.#lanes.delete(lane)) return;
    lane.wire.giveBack();
    if (lane.wire.isSpoilt) lane.lease.slot.close();
    this.#pool.release(lane.lease);
  }
}

/** Lanes of a pool with `max` slots; the rest is left to statements that are not short. */
export function lanesOf(max: number): number {
  if (max >= 8) return 2;
  return max >= 3 ? 1 : 0;
}
