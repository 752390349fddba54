/** The statistics of one pool's statements, by text. Bounded: the least recently run are forgotten. */
import { StatementLog } from './statement-log.ts';
import { StatementStats } from './statement-stats.ts';

const STATEMENTS_MOST = 1_000;

export class StatementBook {
  readonly pool: string;
  readonly log: StatementLog;
  /** Off: nothing is recorded, and express lanes keep the verdicts that they have. To measure what recording costs. */
  isOn = true;
  /** Forgotten, since there were more than STATEMENTS_MOST. */
  evictedTotal = 0;
  readonly #byText = new Map<string, StatementStats>();

  /** Without a log of the database's own, nothing is slow. */
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

  of(text: string): StatementStats {
    let stats = this.#byText.get(text);
    if (stats === undefined) {
      stats = new StatementStats(text, this);
      if (this.#byText.size >= STATEMENTS_MOST) {
        this.#byText.delete(this.#byText.keys().next().value!);
        this.evictedTotal++;
      }
    } else {
      // To the end: a map keeps the order of insertion, so the first one is the least recently run.
      this.#byText.delete(text);
    }
    this.#byText.set(text, stats);
    return stats;
  }
}
