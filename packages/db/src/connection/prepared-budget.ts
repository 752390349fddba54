/**
 * The memory that prepared statements take in the backend of one connection. Postgres keeps the parsed text, the query and, after
 * five runs, a plan for as long as the connection lasts, and has no limit of its own.
 *
 * Measured on Postgres 18 by pg_backend_memory_contexts (CachedPlanSource, CachedPlanQuery, CachedPlan), after seven runs:
 *
 *   statement                                    characters     bytes   bytes a character
 *   select by primary key                                50    12,288                 246
 *   a page of the gateway                               189    24,576                 130
 *   the same with 1 embed                               590    50,176                  85
 *   … with 10 embeds                                  3,870   338,768                  88
 *   … with 150 embeds                                56,778 9,557,040                 168
 *   500 conditions                                   10,923 1,347,504                 123
 *   a view over 12 tables                                78   397,312               5,094
 *   ten of these views in one statement                 776 4,212,944               5,429
 *
 * BASE_BYTES and CHARACTER_BYTES are above all of these but the views, whose size the text does not show. So every
 * MEASURE_SHARE of the limit the backend itself is asked (measure-prepared.ts), and its answer takes the place of the estimate.
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

  /** Takes the backend's own figure; undefined when it may not be read, so that estimates have to do. */
  measured(bytes: number | undefined): void {
    this.#unmeasured = 0;
    if (bytes === undefined) this.#measures = false;
    else this.bytes = bytes;
    if (this.bytes > this.limit) this.isFull = true;
  }
}
