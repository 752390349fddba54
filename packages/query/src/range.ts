/** `Range: 0-9` with `Range-Unit: items`, and `Content-Range`. */
import { postgrest } from './errors.ts';

export interface RowRange {
  readonly offset: number;
  readonly limit: number | null;
}

const ALL: RowRange = Object.freeze({ offset: 0, limit: null });

/** Another unit (`bytes`) or another form of `Range` is ignored, as in PostgREST and RFC 9110 (14.2). */
export function parseRange(range: string | undefined, unit: string | undefined): RowRange | null {
  if (range === undefined || (unit !== undefined && unit.trim().toLowerCase() !== 'items')) return null;
  const match = /^(?:items=)?([0-9]{1,15})-([0-9]{0,15})$/.exec(range.trim());
  if (!match) return null;
  const first = Number(match[1]);
  if (match[2] === '') return { offset: first, limit: null };
  const last = Number(match[2]);
  if (last < first) {
    throw postgrest.PGRST103({
      details: 'The lower boundary must be lower than or equal to the upper boundary in the Range header.',
    });
  }
  return { offset: first, limit: last - first + 1 };
}

export function intersectRanges(...ranges: readonly (RowRange | null | undefined)[]): RowRange {
  let { offset, limit } = ALL;
  let end = Number.POSITIVE_INFINITY;
  for (const range of ranges) {
    if (!range) continue;
    offset = Math.max(offset, range.offset);
    if (range.limit !== null) end = Math.min(end, range.offset + range.limit);
  }
  if (end !== Number.POSITIVE_INFINITY) limit = Math.max(0, end - offset);
  return { offset, limit };
}

export function contentRange(offset: number, rows: number, total: number | null): string {
  const range = rows > 0 && (total === null || total > 0) ? `${offset}-${offset + rows - 1}` : '*';
  return `${range}/${total ?? '*'}`;
}

export function rangeStatus(rows: number, total: number | null): 200 | 206 {
  return total !== null && rows < total ? 206 : 200;
}

/** As in PostgREST, an offset equal to the total is an empty page. */
export function assertSatisfiable(offset: number, total: number | null): void {
  if (total !== null && offset > total) {
    const details = `An offset of ${offset} was requested, but there are only ${total} rows.`;
    throw postgrest.PGRST103({ details, total });
  }
}
