/** The latest and the slow statements of a database, in rings of fixed size. */
import { type RecordedStatement, redactStatement } from '@tidemark/contracts';
import type { DbEvent } from '../events.ts';
import type { Holder } from '../types.ts';

/** At 10,000 statements a second the list shows the last 20 ms. */
const DEFAULT_HISTORY = 200;
/** A database that is slow as a whole must not flood the log; the ring and the counters have all statements. */
const MAX_EVENTS_PER_SECOND = 10;

export interface StatementRun {
  /** End of the run, by performance.now(). */
  readonly at: number;
  readonly pool: string;
  readonly text: string;
  readonly waitMs: number;
  readonly ms: number;
  readonly rows: number;
  readonly holder: Holder | undefined;
  readonly failed: boolean;
}

class Ring {
  readonly #runs: (StatementRun | undefined)[];
  #next = 0;

  constructor(size: number) {
    this.#runs = new Array<StatementRun | undefined>(size).fill(undefined);
  }

  add(run: StatementRun): void {
    this.#runs[this.#next] = run;
    this.#next = (this.#next + 1) % this.#runs.length;
  }

  list(): RecordedStatement[] {
    const newest = [...this.#runs.slice(0, this.#next).reverse(), ...this.#runs.slice(this.#next).reverse()];
    return newest.filter((run) => run !== undefined).map(shown);
  }
}

function shown({ at, pool, text, waitMs, ms, rows, holder, failed }: StatementRun): RecordedStatement {
  return {
    at: Math.round(performance.timeOrigin + at),
    pool,
    text: redactStatement(text),
    waitMs,
    ms,
    rows,
    failed,
    ...(holder?.route !== undefined && { route: holder.route }),
    ...(holder?.trace !== undefined && { trace: holder.trace }),
  };
}

export class StatementLog {
  readonly slowMs: number;
  slowTotal = 0;
  readonly #recent: Ring;
  readonly #slow: Ring;
  readonly #observe: (event: DbEvent) => void;
  #second = 0;
  #events = 0;

  /** `slowMs`: execution time without the wait for a connection; 0: none is slow. */
  constructor(slowMs: number, observe: (event: DbEvent) => void, history = DEFAULT_HISTORY) {
    this.slowMs = slowMs;
    this.#recent = new Ring(history);
    this.#slow = new Ring(history);
    this.#observe = observe;
  }

  add(run: StatementRun): void {
    this.#recent.add(run);
    if (this.slowMs === 0 || run.ms < this.slowMs) return;
    this.slowTotal++;
    this.#slow.add(run);
    this.#report(run);
  }

  recent(): RecordedStatement[] {
    return this.#recent.list();
  }

  slow(): RecordedStatement[] {
    return this.#slow.list();
  }

  #report(run: StatementRun): void {
    const second = Math.floor(run.at / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#events = 0;
    }
    if (this.#events++ < MAX_EVENTS_PER_SECOND) this.#observe({ type: 'db.slow_statement', ...shown(run) });
  }
}
