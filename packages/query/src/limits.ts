/**
 * Limits of one query string. Each bounds the memory or planning time of a request, or of a subscription that lasts for hours.
 * `parseQuery` accepts others through its options.
 */
export interface Limits {
  /** Characters of the raw query string. */
  readonly queryLength: number;
  readonly pairs: number;
  /** Filters and groups together, over all levels. */
  readonly conditions: number;
  readonly logicDepth: number;
  readonly embedDepth: number;
  /** Columns, aggregates and embeds in `select`, over all levels. */
  readonly selectNodes: number;
  readonly inValues: number;
  /** Terms of one `order`, names of `columns` and of `on_conflict`. */
  readonly listItems: number;
  readonly jsonSteps: number;
}

export const LIMITS: Limits = Object.freeze({
  // Four times the request head that Node accepts by default (16 KiB), because the frame of a subscription may be longer.
  queryLength: 65_536,
  // Each pair is at least one condition or one argument; a Postgres function has at most 100 arguments.
  pairs: 1_000,
  // Postgres plans a few hundred conditions in milliseconds; the time grows faster than linearly.
  conditions: 500,
  // The parsers, the renderer and the compilers recurse: 32 frames are safe on any stack.
  logicDepth: 32,
  // Each level is a lateral join in the statement, which multiplies the planning time.
  embedDepth: 16,
  // Postgres refuses more than 1,664 columns in one result.
  selectNodes: 1_600,
  // The list is one array parameter; for more values a temporary table or a function is faster.
  inValues: 10_000,
  // Postgres tables have at most 1,600 columns.
  listItems: 1_600,
  // No useful path is longer.
  jsonSteps: 64,
});
