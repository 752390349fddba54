/**
 * The memory that prepared statements take in the backend of one connection, which Postgres does not limit. On
 * Postgres 18 (pg_backend_memory_contexts, after seven runs) a select by primary key took 12 KB, a page with 10
 * embeds 339 KB (88 bytes a character), one with 150 embeds 9.6 MB (168), and a view over 12 tables 5,094 bytes a
 * character. BASE_BYTES and CHARACTER_BYTES are above all but the views, whose size the text does not show: every
 * MEASURE_SHARE of the limit the backend itself is asked (measure-prepared.ts), and its answer replaces the estimate.
 */
const BASE_BYTES = 16 * 1024;
const CHARACTER_BYTES = 170;
/** A statement may take this part of the limit; a longer one would push out all others, and is planned anew at each run. */
const MAX_STATEMENT_SHARE = 1 / 4;
const MEASURE_SHARE = 1 / 16;

export function preparedCost(text: string): number {
  return BASE_BYTES + CHARACTER_BYTES * text.length;
}

export class PreparedBudget {
  readonly limit: number;
  /** Estimated bytes in the backend: the last measurement, and the estimates of what was prepared since. */
  bytes = 0;
  isFull = false;
  #unmeasured = 0;
  #measures: boolean;

  constructor(limit?: number) {
    this.limit = limit ?? Number.POSITIVE_INFINITY;
    this.#measures = limit !== undefined;
  }

  /** Whether the statements prepared since the last measurement make the estimate too uncertain. */
  get wantsMeasure(): boolean {
    return this.#measures && this.#unmeasured > this.limit * MEASURE_SHARE;
  }

  accepts(cost: number): boolean {
    return cost <= this.limit * MAX_STATEMENT_SHARE;
  }

  hasRoom(cost: number): boolean {
    return this.bytes + cost <= this.limit;
  }

  add(cost: number): void {
    this.bytes += cost;
    this.#unmeasured += cost;
  }

  remove(cost: number): void {
    this.bytes = Math.max(0, this.bytes - cost);
  }

  measured(bytes: number | undefined): void {
    this.#unmeasured = 0;
    if (bytes === undefined) this.#measures = false;
    else this.bytes = bytes;
    if (this.bytes > this.limit) this.isFull = true;
  }
}
