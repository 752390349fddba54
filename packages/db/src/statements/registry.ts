/** The statistics of one pool's statements, by text. They are bounded in bytes: the least recently run are dropped. */
import { LRUCache } from 'lru-cache';
import { StatementLog } from './log.ts';
import { RunTimes } from './run-times.ts';
import { StatementStats, type StatsContext } from './stats.ts';

/** About 800 statements of ordinary length. */
const MAX_BYTES = 16 * 1024 ** 2;
/** Six sketches: after 400 runs half of them were filled, and the heap had grown by 13 KB a statement. */
const STATISTICS_BYTES = 20 * 1024;
/** Longer texts with the same beginning share their statistics, and are not pipelined. */
const MAX_TEXT_LENGTH = 16_384;

/** Routes whose transactions are measured; a service has fewer. */
const MAX_ROUTES = 200;

export class StatementStatsRegistry implements StatsContext {
  readonly pool: string;
  readonly log: StatementLog;
  isOn = true;
  evictedTotal = 0;
  readonly #byText = new LRUCache<string, StatementStats>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_, text) => costOf(text),
    dispose: (_, __, reason) => {
      if (reason === 'evict') this.evictedTotal++;
    },
  });

  readonly #byRoute = new LRUCache<string, RunTimes>({ max: MAX_ROUTES });

  constructor(pool: string, log: StatementLog = new StatementLog(0, () => undefined)) {
    this.pool = pool;
    this.log = log;
  }

  get size(): number {
    return this.#byText.size;
  }

  get bytes(): number {
    return this.#byText.calculatedSize;
  }

  all(): Iterable<StatementStats> {
    return this.#byText.values();
  }

  /** The times of transactions whose statements are not known before they begin. */
  timesOf(route = 'none'): RunTimes {
    let times = this.#byRoute.get(route);
    if (times === undefined) {
      times = new RunTimes();
      this.#byRoute.set(route, times);
    }
    return times;
  }

  of(given: string): StatementStats {
    const isCut = given.length > MAX_TEXT_LENGTH;
    const text = isCut ? copyOf(given, MAX_TEXT_LENGTH) : given;
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const stats = new StatementStats(text, this, !isCut);
    this.#byText.set(text, stats);
    return stats;
  }
}

/** The first characters as a text of their own: a slice would keep all of the original in memory. */
function copyOf(text: string, characters: number): string {
  return Buffer.from(text.slice(0, characters)).toString();
}

const costOf = (text: string): number => STATISTICS_BYTES + 2 * text.length;
