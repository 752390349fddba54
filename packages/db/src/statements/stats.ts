/**
 * What is known about each statement: how often it ran, what it brought, how long it takes, alone on a connection and on an
 * pipeline, and whether it may be pipelined.
 */

import type { Holder, Row, Rows } from '../types.ts';
import type { StatementLog } from './log.ts';
import { SlidingSketch } from './sketch.ts';

/** Before this many runs nothing is concluded from them. */
const MIN_SAMPLES = 20;
/** What is pipelined holds up those behind it for about this long. */
const SHORT_MS = 5;
/** What shares a transaction holds up those before it as well: all are answered at its end. */
const BRIEF_MS = 1;
/** Worth a trial on a pipeline: alone it was measured with the load of all the others. */
const TRIAL_MS = 25;
/** Of the times alone: on a busy server even the lower quartile says more about the others. A wrong trial costs a cut off read. */
const TRIAL_QUANTILE = 0.05;
const UNKNOWN_MS = 10;
/** A verdict is renewed after this many runs: percentiles cost more than what they decide about. */
const VERDICT_EVERY = 64;
/** Doubled with each fault, halved with each good verdict: a stall of the machine costs seconds, a slow statement minutes. */
const PENALTY_FIRST_MS = 2_000;
const MAX_PENALTY_MS = 600_000;
const READS_PER_CUT_OFF = 1_000;

/** The switch, log and pool name that the statistics of one pool share. */
export interface StatsContext {
  readonly pool: string;
  readonly log: StatementLog;
  /** When false, nothing is recorded, and pipelining verdicts stay as they are. */
  readonly isOn: boolean;
}

export class StatementStats {
  readonly text: string;
  callsTotal = 0;
  errorsTotal = 0;
  slowTotal = 0;
  rowsTotal = 0;
  /** Characters of text that came: of every row of short results, from the first row of long ones. */
  bytesTotal = 0;
  /** Of execution. */
  totalMs = 0;
  readonly waits = new SlidingSketch();
  /** On an exclusive connection. Under load this includes the time that the server's other statements take from it. */
  readonly alone = new SlidingSketch();
  /** On a pipeline, from the answer before it: at most one or two are under way there, so this is nearer to its own time. */
  readonly pipelined = new SlidingSketch();
  readonly #context: StatsContext;
  readonly #mayBePipelined: boolean;
  #isPipelined = false;
  #shares = false;
  #cutOffs = 0;
  #pipelinedTotal = 0;
  #verdictIn = 0;
  #penaltyUntil = 0;
  #penaltyMs = PENALTY_FIRST_MS;

  constructor(text: string, context: StatsContext, mayBePipelined = true) {
    this.text = text;
    this.#mayBePipelined = mayBePipelined;
    this.#context = context;
  }

  /** Of all runs, failed ones too; before the first, as much as a statement that is neither short nor long. */
  get meanMs(): number {
    return this.callsTotal === 0 ? UNKNOWN_MS : this.totalMs / this.callsTotal;
  }

  /** O(1), and nothing is allocated: it runs once for each statement. */
  record(
    where: 'alone' | 'pipelined',
    waitMs: number,
    ms: number,
    rows: Rows | number,
    now: number,
    holder?: Holder,
  ): void {
    if (!this.#context.isOn) return;
    const count = typeof rows === 'number' ? rows : (rows.count ?? rows.length);
    this.callsTotal++;
    this.rowsTotal += count;
    if (typeof rows !== 'number') this.bytesTotal += sizeOf(rows);
    this.totalMs += ms;
    this.waits.record(waitMs, now);
    this[where].record(ms, now);
    if (where === 'pipelined') this.#pipelinedTotal++;
    this.#note(waitMs, ms, count, holder, false, now);
  }

  recordError(waitMs = 0, ms = 0, holder?: Holder): void {
    // Those behind it would be sent twice each time: until the next verdict it shares no more.
    this.#shares = false;
    if (!this.#context.isOn) return;
    this.callsTotal++;
    this.errorsTotal++;
    this.totalMs += ms;
    this.#note(waitMs, ms, 0, holder, true, performance.now());
  }

  #note(waitMs: number, ms: number, rows: number, holder: Holder | undefined, failed: boolean, at: number): void {
    const { log, pool } = this.#context;
    if (log.slowMs > 0 && ms >= log.slowMs) this.slowTotal++;
    log.add(pool, this.text, waitMs, ms, rows, holder, failed, at);
  }

  /**
   * On a pipeline answers arrive in bursts, so a single time there says little, but their mean is what a read really takes:
   * a statement is pipelined while that is short. As long as it is not known, while its best times alone are: a busy server
   * slows everything down, and the upper percentiles then say more about the load than about the statement.
   */
  isPipelined(now: number): boolean {
    if (!this.#mayBePipelined || now < this.#penaltyUntil) return false;
    if (--this.#verdictIn > 0) return this.#isPipelined;
    this.#verdictIn = VERDICT_EVERY;
    if (this.pipelined.count >= MIN_SAMPLES) {
      const { mean } = this.pipelined;
      this.#isPipelined = mean <= SHORT_MS;
      this.#shares = mean <= BRIEF_MS;
      if (this.#isPipelined) this.#penaltyMs = Math.max(PENALTY_FIRST_MS, this.#penaltyMs / 2);
      else this.#penalise(now);
    } else {
      this.#isPipelined = this.alone.count >= MIN_SAMPLES && this.alone.quantile(TRIAL_QUANTILE) <= TRIAL_MS;
      if (!this.#isPipelined) this.#verdictIn = MIN_SAMPLES / 2;
    }
    return this.#isPipelined;
  }

  /** Of a pipelined one: whether it is so short that it may share a transaction with others. */
  get sharesTransaction(): boolean {
    return this.#shares;
  }

  /** It took too long on a pipeline. One in a thousand reads is put down to the machine. */
  cutOff(now: number): void {
    if (++this.#cutOffs * READS_PER_CUT_OFF > this.#pipelinedTotal) this.#penalise(now);
  }

  /** None of that for a while, the next time for twice as long. */
  #penalise(now: number): void {
    this.#isPipelined = false;
    this.#shares = false;
    this.#verdictIn = 0;
    this.#penaltyUntil = now + this.#penaltyMs;
    this.#penaltyMs = Math.min(MAX_PENALTY_MS, this.#penaltyMs * 2);
    this.#cutOffs = 0;
    this.#pipelinedTotal = 0;
    this.pipelined.clear();
  }
}

/** Rows whose text is counted one by one; the gateway's statements have one, with all of the answer in it. */
const COUNTED_ROWS = 4;

function sizeOf(rows: Rows): number {
  const { length } = rows;
  if (length === 0) return 0;
  if (length > COUNTED_ROWS) return charactersOf(rows[0]!) * length;
  let size = 0;
  for (let i = 0; i < length; i++) size += charactersOf(rows[i]!);
  return size;
}

function charactersOf(row: Row): number {
  let size = 0;
  for (const name in row) {
    const value: unknown = row[name];
    // A number or boolean of some characters; null has none; parsed JSON is not measured again.
    if (typeof value === 'string') size += value.length;
    else if (value !== null) size += 4;
  }
  return size;
}
