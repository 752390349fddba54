import type { ItemRow } from './chunk-result.ts';

export const itemStatements = {
  /** Rows of an earlier attempt are replaced. $1: job (locked), $2 to $4: itemRows. */
  write: 'select tidemark.write_items($1::uuid, $2::json, $3::int, $4::int)',

  firstFailures: `
    select coalesce(jsonb_agg(
      case when jsonb_typeof(input) = 'object' then input else jsonb_build_object('input', input) end
        || jsonb_build_object('index', index, 'code', code) || error order by index), '[]') as failures
    from (
      select index, input, code, error from tidemark.job_items
      where job_id = $1::uuid and state = 'failed' order by index limit $2::int
    ) as f`,
} as const;

export type ItemParams = [rows: string | null, first: number | null, last: number | null];

/** The parameters of rows: their JSON, and their first and last index. */
export function itemRows(rows: readonly ItemRow[]): ItemParams {
  if (rows.length === 0) return [null, null, null];
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const { index } of rows) {
    first = Math.min(first, index);
    last = Math.max(last, index);
  }
  return [JSON.stringify(rows), first, last];
}
