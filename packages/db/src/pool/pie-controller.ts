/**
 * Keeps a queue short when more comes than can be served: PIE, "Proportional Integral controller Enhanced" (RFC 8033; Pan et
 * al., HPSR 2013). Newcomers are refused with a probability that follows the queueing delay and how it changes, so that the delay
 * settles at the target whatever the service rate is, and all that can be served is.
 *
 *   delay < target / 2    nobody is refused: bursts pass (RFC 8033 §4.1)
 *   each 15 ms            p += α (delay - target) / target + β (delay - delay before) / target
 *   no delay              p falls by 2 % each 15 ms (§4.2)
 *
 * RFC 8033 has α = 0.125 and β = 1.25 for packets, in units of a second; in units of the target, as here, they are critically
 * damped at a target of 250 ms and five times the capacity, and stable from 100 ms and up to ten times. The delay must be that
 * which a newcomer would meet (what waits / what is served in a second, ServiceRate): the age of the one who is next tells of
 * the past, and steering by it swings. Clients do not
 * slow down as TCP does, so the probability moves at full speed (no auto-tuning, §4.2) and up to 0.98.
 */
const UPDATE_MS = 15;
const ALPHA = 0.125;
const BETA = 1.25;
const DECAY = 0.98;
/** Somebody is always let in, so that the delay goes on being measured. */
const MOST = 0.98;
/** After a pause the delay before it says nothing about now; steps are counted up to this. */
const MAX_STEPS = 8;

export class PieController {
  readonly targetMs: number;
  /** 0..0.98 */
  probability = 0;
  #delayMs = 0;
  #updatedAt: number;

  constructor(targetMs: number, now = performance.now()) {
    this.targetMs = targetMs;
    this.#updatedAt = now;
  }

  /** `delayMs`: how long the one who is next has waited; 0 where nobody waits. */
  update(delayMs: number, now: number): void {
    const steps = Math.min(MAX_STEPS, Math.floor((now - this.#updatedAt) / UPDATE_MS));
    if (steps < 1) return;
    this.#updatedAt = now;
    const error = (delayMs - this.targetMs) / this.targetMs;
    const change = (delayMs - this.#delayMs) / this.targetMs;
    let p = this.probability + ALPHA * error * steps + BETA * change;
    if (delayMs === 0 && this.#delayMs === 0) p *= DECAY ** steps;
    this.probability = Math.max(0, Math.min(MOST, p));
    this.#delayMs = delayMs;
  }

  /** Whether the next one is refused. `random`: 0..1 */
  refuses(random = Math.random()): boolean {
    return this.#delayMs >= this.targetMs / 2 && random < this.probability;
  }
}

/** RFC 8033 §5.1: a cycle of flushes, so that one answer more or less does not make the rate. */
const CYCLE_MS = 50;
const CYCLE_DEPARTURES = 8;
/** Of the newest cycle. */
const WEIGHT = 0.5;

/** How many a server takes from a queue in a millisecond, measured while somebody waits (RFC 8033 §5.1). */
export class ServiceRate {
  #perMs = 0;
  #since = Number.NaN;
  #flushes = 0;

  /** One left the queue for being served; `left` wait on. */
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
    // An empty queue says nothing about how fast it could be served.
    if (left === 0) {
      this.#since = Number.NaN;
      this.#flushes = 0;
    }
  }

  /** ms that the last of `waiting` will wait; before anything was measured, as long as the first one has waited. */
  delayMs(waiting: number, oldestMs: number): number {
    return this.#perMs === 0 ? oldestMs : Math.max(waiting / this.#perMs, oldestMs);
  }
}
