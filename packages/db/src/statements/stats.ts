import type { Holder, Row, Rows } from '../types.ts';
import type { StatementLog, StatementRun } from './log.ts';
import { RunTimes } from './run-times.ts';
import { SlidingSketch } from './sketch.ts';

/** Fewer runs are not enough for a verdict. */
const MIN_SAMPLES = 20;
/** A pipelined statement delays those behind it by about this long. */
const SHORT_MS = 5;
/** A statement in a shared transaction delays those before it as well, since all are answered at its end. */
const BRIEF_MS = 1;
/** Worth a trial on a pipeline: the time alone was measured under the load of all other statements. */
const TRIAL_MS = 25;
/** On a busy server even the lower quartile tells of other statements. A wrong trial costs a cancelled read. */
const TRIAL_QUANTILE = 0.05;
const UNKNOWN_MS = 10;
/** A verdict holds for this many runs, since percentiles cost more than a single decision is worth. */
const VERDICT_EVERY = 64;
/** Doubled with each fault and halved with each good verdict: a stall of the machine costs seconds, a slow statement minutes. */
const MIN_PENALTY_MS = 2_000;
const MAX_PENALTY_MS = 600_000;
const READS_PER_CUT_OFF = 1_000;

export interface AnsweredRun {
  readonly where: 'alone' | 'pipelined';
  /** Time until the statement had a connection. */
  readonly waitMs: number;
  readonly ms: number;
  readonly rows: Rows | number;
  /** End of the run, by performance.now(). */
  readonly at: number;
  readonly holder: Holder | undefined;
}

export interface StatsContext {
  readonly pool: string;
  readonly log: StatementLog;
  readonly isOn: boolean;
}

export class StatementStats {
  readonly text: string;
  callsTotal = 0;
  errorsTotal = 0;
  slowTotal = 0;
  rowsTotal = 0;
  /** Characters of results: counted in all rows of short results, estimated from the first row of long ones. */
  bytesTotal = 0;
  totalMs = 0;
  readonly times: RunTimes = new RunTimes();
  readonly waits = new SlidingSketch();
  /** Times on an exclusive connection. Under load they include what the server's other statements take. */
  readonly alone = new SlidingSketch();
  /** Times on a pipeline, from the answer before: at most two statements run there, so they are nearer to its own time. */
  readonly pipelined = new SlidingSketch();
  readonly #context: StatsContext;
  /** False: the text was cut, so it is neither pipelined nor explained. */
  readonly isWhole: boolean;
  #isPipelined = false;
  #shares = false;
  #cutOffs = 0;
  #pipelinedTotal = 0;
  #verdictIn = 0;
  #penaltyUntil = 0;
  #penaltyMs = MIN_PENALTY_MS;

  constructor(text: string, context: StatsContext, isWhole = true) {
    this.text = text;
    this.isWhole = isWhole;
    this.#context = context;
  }

  /** Mean over all runs, failed ones included; before the first run, a value between short and long. */
  get meanMs(): number {
    return this.callsTotal === 0 ? UNKNOWN_MS : this.totalMs / this.callsTotal;
  }

  /** Runs for each statement, so it is O(1). */
  record({ where, waitMs, ms, rows, at, holder }: AnsweredRun): void {
    if (!this.#context.isOn) return;
    const count = typeof rows === 'number' ? rows : (rows.count ?? rows.length);
    this.callsTotal++;
    this.rowsTotal += count;
    if (typeof rows !== 'number') this.bytesTotal += sizeOf(rows);
    this.totalMs += ms;
    this.waits.record(waitMs, at);
    this[where].record(ms, at);
    if (where === 'pipelined') this.#pipelinedTotal++;
    this.#note({ waitMs, ms, rows: count, holder, failed: false, at });
  }

  recordError(waitMs = 0, ms = 0, holder?: Holder): void {
    // The reads behind a failed one are sent twice, so it shares no transaction until the next verdict.
    this.#shares = false;
    if (!this.#context.isOn) return;
    this.callsTotal++;
    this.errorsTotal++;
    this.totalMs += ms;
    this.#note({ waitMs, ms, rows: 0, holder, failed: true, at: performance.now() });
  }

  #note({ waitMs, ms, rows, holder, failed, at }: Omit<StatementRun, 'pool' | 'text'>): void {
    const { log, pool } = this.#context;
    if (log.slowMs > 0 && ms >= log.slowMs) this.slowTotal++;
    log.add({ at, pool, text: this.text, waitMs, ms, rows, holder, failed });
  }

  /**
   * On a pipeline answers arrive in bursts, so only their mean is the true time of a read. Until it is known, the
   * best times alone decide: on a busy server the upper percentiles say more about the load.
   */
  isPipelined(now: number): boolean {
    if (!this.isWhole || now < this.#penaltyUntil) return false;
    if (--this.#verdictIn > 0) return this.#isPipelined;
    this.#verdictIn = VERDICT_EVERY;
    if (this.pipelined.count >= MIN_SAMPLES) {
      const { mean } = this.pipelined;
      this.#isPipelined = mean <= SHORT_MS;
      this.#shares = mean <= BRIEF_MS;
      if (this.#isPipelined) this.#penaltyMs = Math.max(MIN_PENALTY_MS, this.#penaltyMs / 2);
      else this.#penalise(now);
    } else {
      this.#isPipelined = this.alone.count >= MIN_SAMPLES && this.alone.quantile(TRIAL_QUANTILE) <= TRIAL_MS;
      if (!this.#isPipelined) this.#verdictIn = MIN_SAMPLES / 2;
    }
    return this.#isPipelined;
  }

  get sharesTransaction(): boolean {
    return this.#shares;
  }

  /** It exceeded the time limit of the pipeline. One in a thousand reads is attributed to the machine. */
  cutOff(now: number): void {
    if (++this.#cutOffs * READS_PER_CUT_OFF > this.#pipelinedTotal) this.#penalise(now);
  }

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

/** Rows whose text is counted one by one; the gateway's statements have one row with the whole answer. */
const MAX_COUNTED_ROWS = 4;

function sizeOf(rows: Rows): number {
  const { length } = rows;
  if (length === 0) return 0;
  if (length > MAX_COUNTED_ROWS) return charactersOf(rows[0]!) * length;
  let size = 0;
  for (let i = 0; i < length; i++) size += charactersOf(rows[i]!);
  return size;
}

function charactersOf(row: Row): number {
  let size = 0;
  for (const name in row) {
    const value: unknown = row[name];
    // A number or boolean counts a few characters, null none; parsed JSON is not measured again.
    if (typeof value === 'string') size += value.length;
    else if (value !== null) size += 4;
  }
  return size;
}
