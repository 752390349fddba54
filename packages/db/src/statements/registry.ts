/** The statistics of one pool's statements, by text. They are bounded in bytes: the least recently run are dropped. */
import { copyOf, StatementLog } from './log.ts';
import { StatementStats, type StatsContext } from './stats.ts';

/** About 800 statements of ordinary length. */
const MAX_BYTES = 16 * 1024 ** 2;
/** Six sketches: after 400 runs half of them were filled, and the heap had grown by 13 KB a statement. */
const STATISTICS_BYTES = 20 * 1024;
/** Longer texts with the same beginning share their statistics, and are not pipelined. */
const MAX_TEXT_LENGTH = 16_384;

export class StatementStatsRegistry implements StatsContext {
  readonly pool: string;
  readonly log: StatementLog;
  isOn = true;
  evictedTotal = 0;
  bytes = 0;
  readonly #byText = new Map<string, StatementStats>();

  constructor(pool: string, log: StatementLog = new StatementLog(0, () => undefined)) {
    this.pool = pool;
    this.log = log;
  }

  get size(): number {
    return this.#byText.size;
  }

  all(): Iterable<StatementStats> {
    return this.#byText.values();
  }

  of(given: string): StatementStats {
    const isCut = given.length > MAX_TEXT_LENGTH;
    const text = isCut ? copyOf(given, MAX_TEXT_LENGTH) : given;
    let stats = this.#byText.get(text);
    if (stats === undefined) {
      stats = new StatementStats(text, this, !isCut);
      this.bytes += costOf(text);
      while (this.bytes > MAX_BYTES) this.#forgetOldest();
    } else {
      // Moves it to the end: a map keeps the order of insertion, so the first entry is the least recently run.
      this.#byText.delete(text);
    }
    this.#byText.set(text, stats);
    return stats;
  }
  #forgetOldest(): void {
    const [oldest] = this.#byText.keys();
    this.#byText.delete(oldest!);
    this.bytes -= costOf(oldest!);
    this.evictedTotal++;
  }
}

const costOf = (text: string): number => STATISTICS_BYTES + 2 * text.length;
