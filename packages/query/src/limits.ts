/**
 * What one query string may hold. Each limit bounds memory or planning time that a single request, or one subscription
 * kept for hours, can cost. `parseQuery` takes others through its options.
 */
export interface Limits {
  /** Characters of the raw query string. */
  readonly queryLength: number;
  /** `key=value` pairs. */
  readonly pairs: number;
  /** Filters and groups together, over all levels. */
  readonly conditions: number;
  /** Groups inside groups. */
  readonly logicDepth: number;
  /** Embeds inside embeds. */
  readonly embedDepth: number;
  /** Columns, aggregates and embeds in `select`, over all levels. */
  readonly selectNodes: number;
  /** Values of one `in.(…)`. */
  readonly inValues: number;
  /** Terms of one `order`, names of `columns` and of `on_conflict`. */
  readonly listItems: number;
  /** Arrows of one JSON path. */
  readonly jsonSteps: number;
}

export const LIMITS: Limits = Object.freeze({
  // 64 Ki characters: four times the request head that Node accepts by default (16 KiB), as a subscription's frame may be longer.
  queryLength: 65_536,
  // Each pair is at least one condition or one argument; a Postgres function has at most 100 arguments.
  pairs: 1_000,
  // Postgres plans a few hundred conditions in milliseconds; the time grows faster than their number.
  conditions: 500,
  // The parsers, the renderer and the compilers recurse: 32 frames are safe on any stack, and nobody writes more by hand.
  logicDepth: 32,
  // Each level is one more lateral join in the statement; planning time multiplies with each.
  embedDepth: 16,
  // Postgres refuses more than 1,664 columns in one result.
  selectNodes: 1_600,
  // One array parameter; past this a temporary table or a function is the right tool.
  inValues: 10_000,
  // Postgres tables have at most 1,600 columns.
  listItems: 1_600,
  // json_extract_path of more is never meant.
  jsonSteps: 64,
});
