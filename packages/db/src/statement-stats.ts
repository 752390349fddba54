/**
 * What is known about each statement: how long it takes, alone on a connection and on an express lane, and whether it may
 * ride there. Bounded: the statements least recently run are forgotten.
 */
import { SlidingSketch } from './sliding-sketch.ts';

const STATEMENTS_MOST = 1_000;
/** Before this many runs nothing is concluded from them. */
const SAMPLES_LEAST = 20;
/** What rides on a lane holds up those behind it for about this long. */
const SHORT_MS = 5;
/** Worth a trial on a lane: alone it was measured with the load of all the others. */
const TRIAL_MS = 25;
/** A verdict is renewed after this many runs: percentiles cost more than what they decide about. */
const VERDICT_EVERY = 64;
/** Doubled with each fault, halved with each good verdict: a stall of the machine costs seconds, a slow statement minutes. */
const PENALTY_FIRST_MS = 2_000;
const PENALTY_MOST_MS = 600_000;
const RIDES_PER_CUT_OFF = 1_000;

export class StatementStats {
  callsTotal = 0;
  errorsTotal = 0;
  rowsTotal = 0;
  readonly waits = new SlidingSketch();
  /** On an exclusive slot. Under load this includes the time that the server's other statements take from it. */
  readonly alone = new SlidingSketch();
  /** On a lane, from the answer before it: at most one or two are under way there, so this is nearer to its own time. */
  readonly onLane = new SlidingSketch();
  #rides = false;
  #cutOffs = 0;
  #ridesTotal = 0;
  #verdictIn = 0;
  #penaltyUntil = 0;
  #penaltyMs = PENALTY_FIRST_MS;

  record(where: 'alone' | 'onLane', waitMs: number, ms: number, rows: number, now: number): void {
    this.callsTotal++;
    this.rowsTotal += rows;
    this.waits.record(waitMs, now);
    this[where].record(ms, now);
    if (where === 'onLane') this.#ridesTotal++;
  }

  recordError(): void {
    this.callsTotal++;
    this.errorsTotal++;
  }

  /**
   * On a lane answers arrive in bursts, so a single time there says little, but their mean is what a ride really takes:
   * a statement rides while that is short. As long as it is not known, while its lower quartile alone is: a busy server
   * slows everything down, and the upper percentiles then say more about the load than about the statement.
   */
  ridesLane(now: number): boolean {
    if (now < this.#penaltyUntil) return false;
    if (--this.#verdictIn > 0) return this.#rides;
    this.#verdictIn = VERDICT_EVERY;
    if (this.onLane.count >= SAMPLES_LEAST) {
      this.#rides = this.onLane.mean <= SHORT_MS;
      if (this.#rides) this.#penaltyMs = Math.max(PENALTY_FIRST_MS, this.#penaltyMs / 2);
      else this.#penalise(now);
    } else {
      this.#rides = this.alone.count >= SAMPLES_LEAST && this.alone.quantile(0.25) <= TRIAL_MS;
      if (!this.#rides) this.#verdictIn = SAMPLES_LEAST / 2;
    }
    return this.#rides;
  }

  /** It took too long on a lane. One in a thousand rides is put down to the machine. */
  cutOff(now: number): void {
    if (++this.#cutOffs * RIDES_PER_CUT_OFF > this.#ridesTotal) this.#penalise(now);
  }

  /** None of that for a while, the next time for twice as long. */
  #penalise(now: number): void {
    this.#rides = false;
    this.#verdictIn = 0;
    this.#penaltyUntil = now + this.#penaltyMs;
    this.#penaltyMs = Math.min(PENALTY_MOST_MS, this.#penaltyMs * 2);
    this.#cutOffs = 0;
    this.#ridesTotal = 0;
    this.onLane.clear();
  }
}

export class StatementBook {
  readonly #byText = new Map<string, StatementStats>();

  get size(): number {
    return this.#byText.size;
  }

  of(text: string): StatementStats {
    let stats = this.#byText.get(text);
    if (stats === undefined) {
      stats = new StatementStats();
      if (this.#byText.size >= STATEMENTS_MOST) this.#byText.delete(this.#byText.keys().next().value!);
    } else {
      // To the end: a map keeps the order of insertion, so the first one is the least recently run.
      this.#byText.delete(text);
    }
    this.#byText.set(text, stats);
    return stats;
  }
}
