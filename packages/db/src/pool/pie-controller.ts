/**
 * Keeps a queue short under overload: PIE, "Proportional Integral controller Enhanced" (RFC 8033; Pan et al., HPSR 2013). New requests are
 * refused with a probability that follows the queueing delay and its change, so that the delay settles at the target at any service rate.
 *
 *   delay < target / 2    none is refused, so bursts pass (RFC 8033 §4.1)
 *   each 15 ms            p += α (delay - target) / target + β (delay - delay before) / target
 *   no delay              p falls by 2 % each 15 ms (§4.2)
 *
 * RFC 8033 has α = 0.125 and β = 1.25 in units of a second; in units of the target, as here, they are critically damped at a target of
 * 250 ms and five times the capacity, and stable from 100 ms and up to ten times. The age of the oldest request lags behind, and steering
 * by it oscillates: hence the expected delay (ServiceRate). Clients do not slow down as TCP does, so there is no auto-tuning (§4.2).
 */
const UPDATE_MS = 15;
const ALPHA = 0.125;
const BETA = 1.25;
const DECAY = 0.98;
/** Some requests are always admitted, so that the delay is still measured. */
const MAX_PROBABILITY = 0.98;
/** After a pause the last delay is out of date, so the controller catches up on at most this many steps. */
const MAX_STEPS = 8;

export class PieController {
  readonly targetMs: number;
  probability = 0;
  #delayMs = 0;
  #updatedAt: number;

  constructor(targetMs: number, now = performance.now()) {
    this.targetMs = targetMs;
    this.#updatedAt = now;
  }

  update(delayMs: number, now: number): void {
    const steps = Math.min(MAX_STEPS, Math.floor((now - this.#updatedAt) / UPDATE_MS));
    if (steps < 1) return;
    this.#updatedAt = now;
    const error = (delayMs - this.targetMs) / this.targetMs;
    const change = (delayMs - this.#delayMs) / this.targetMs;
    let p = this.probability + ALPHA * error * steps + BETA * change;
    if (delayMs === 0 && this.#delayMs === 0) p *= DECAY ** steps;
    this.probability = Math.max(0, Math.min(MAX_PROBABILITY, p));
    this.#delayMs = delayMs;
  }

  refuses(random = Math.random()): boolean {
    return this.#delayMs >= this.targetMs / 2 && random < this.probability;
  }
}

/** RFC 8033 §5.1: a cycle of departures, so that one departure more or less does not change the rate. */
const CYCLE_MS = 50;
const CYCLE_DEPARTURES = 8;
const WEIGHT = 0.5;

export class ServiceRate {
  #perMs = 0;
  #since = Number.NaN;
  #flushes = 0;

  flushed(left: number, now: number): void {
    if (Number.isNaN(this.#since)) {
      if (left > 0) this.#since = now;
      return;
    }
    this.#flushes += 1;
    const elapsed = now - this.#since;
    if (elapsed >= CYCLE_MS && this.#flushes >= CYCLE_DEPARTURES) {
      const rate = this.#flushes / elapsed;
      this.#perMs = this.#perMs === 0 ? rate : this.#perMs + WEIGHT * (rate - this.#perMs);
      this.#since = now;
      this.#flushes = 0;
    }
    // An empty queue does not show how fast it could be served.
    if (left === 0) {
      this.#since = Number.NaN;
      this.#flushes = 0;
    }
  }

  /** Expected delay in ms of the last of `waiting` requests; until a rate is measured, the age of the oldest. */
  delayMs(waiting: number, oldestMs: number): number {
    return this.#perMs === 0 ? oldestMs : Math.max(waiting / this.#perMs, oldestMs);
  }
}
