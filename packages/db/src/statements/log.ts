/** The latest and the slow statements of a database, in rings of fixed size whose entries are overwritten in place. */

import type { DbEvent } from '../events.ts';
import { MAX_STATEMENT_LENGTH, redactStatement } from '../sql/redact.ts';
import type { Holder, RecordedStatement } from '../types.ts';

/** At 10,000 statements a second the list shows the last 20 ms. */
const DEFAULT_HISTORY = 200;
/** A database that is slow as a whole must not flood the log; the ring and the counters have all statements. */
const MAX_EVENTS_PER_SECOND = 10;

interface Entry {
  /** End of the run, by performance.now(); 0 for an entry that was never used. */
  at: number;
  pool: string;
  text: string;
  waitMs: number;
  ms: number;
  rows: number;
  holder: Holder | undefined;
  failed: boolean;
}

class Ring {
  readonly #entries: Entry[];
  #next = 0;

  constructor(size: number) {
    this.#entries = Array.from({ length: size }, newEntry);
  }

  next(): Entry {
    const entry = this.#entries[this.#next]!;
    this.#next = (this.#next + 1) % this.#entries.length;
    return entry;
  }

  list(): RecordedStatement[] {
    const newest = [...this.#entries.slice(0, this.#next).reverse(), ...this.#entries.slice(this.#next).reverse()];
    return newest.filter(({ at }) => at > 0).map(shown);
  }
}

const newEntry = (): Entry => ({
  at: 0,
  pool: '',
  text: '',
  waitMs: 0,
  ms: 0,
  rows: 0,
  holder: undefined,
  failed: false,
});

function shown({ at, pool, text, waitMs, ms, rows, holder, failed }: Entry): RecordedStatement {
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

  add(
    pool: string,
    text: string,
    waitMs: number,
    ms: number,
    rows: number,
    holder: Holder | undefined,
    failed: boolean,
    at: number,
  ): void {
    write(this.#recent.next(), at, pool, text, waitMs, ms, rows, holder, failed);
    if (this.slowMs === 0 || ms < this.slowMs) return;
    this.slowTotal++;
    const entry = this.#slow.next();
    write(entry, at, pool, text, waitMs, ms, rows, holder, failed);
    this.#report(entry);
  }

  recent(): RecordedStatement[] {
    return this.#recent.list();
  }

  slow(): RecordedStatement[] {
    return this.#slow.list();
  }

  #report(entry: Entry): void {
    const second = Math.floor(entry.at / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#events = 0;
    }
    if (this.#events++ < MAX_EVENTS_PER_SECOND) this.#observe({ type: 'db.slow_statement', ...shown(entry) });
  }
}

/** The first characters as a text of their own: a slice would keep all of the original in memory. */
export function copyOf(text: string, characters: number): string {
  return Buffer.from(text.slice(0, characters)).toString();
}

function write(
  entry: Entry,
  at: number,
  pool: string,
  text: string,
  waitMs: number,
  ms: number,
  rows: number,
  holder: Holder | undefined,
  failed: boolean,
): void {
  entry.at = at;
  entry.pool = pool;
  entry.text = text.length > MAX_STATEMENT_LENGTH ? copyOf(text, MAX_STATEMENT_LENGTH) : text;
  entry.waitMs = waitMs;
  entry.ms = ms;
  entry.rows = rows;
  entry.holder = holder;
  entry.failed = failed;
}
