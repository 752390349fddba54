export const FIRST_ROWS = 50;
const MIN_ROWS = 10;
const MAX_ROWS = 2_000;
/** ms of a statement: half of what a lock may be held, since the next one may take longer. */
const LONG_MS = 25;
const SHORT_MS = 10;

/** Returns the rows of the next step: its locks last as long as its statement. */
export function nextRows(rows: number, ms: number): number {
  if (ms > LONG_MS) return Math.max(MIN_ROWS, Math.floor(rows / 2));
  if (ms < SHORT_MS) return Math.min(MAX_ROWS, Math.ceil(rows * 1.5));
  return rows;
}
