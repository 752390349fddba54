/**
 * Postgres renders each row, and they are joined here: the two aggregates of the general form take 20 of 50 µs for
 * one row. Several rows are possible, because children of an inheriting table have keys of their own.
 */
import type { Query, RowsMedia } from '@tidemark/query';
import type { Relation } from '../catalog/catalog.ts';
import type { AnswerRow } from '../sql/answer-row.ts';
import { rowSql } from '../sql/body.ts';
import { fixesKey } from './fixed-columns.ts';

/** Returns the SELECT list for `"_t"`; null when the general form must be used. */
export function primaryKeySelectSql(
  relation: Relation,
  query: Query,
  media: RowsMedia,
  counts: boolean,
): string | null {
  if (counts || media.kind !== 'json') return null;
  // An aggregate returns a row where there is none, and embeds cost more than this form saves.
  const isPlain = query.select.every(
    (item) => item.kind === 'star' || (item.kind === 'column' && item.aggregate === null),
  );
  if (!isPlain) return null;
  if (!fixesKey(relation.primaryKey, query.where)) return null;
  return `${media.nullsStripped ? rowSql(media) : 'row_to_json("_t".*)'}::text as body`;
}

export function joinRows(rows: readonly AnswerRow[]): AnswerRow {
  const [first] = rows;
  if (first?.rows !== undefined) return first;
  const body = rows.length === 1 ? `[${first?.body}]` : `[${rows.map((row) => row.body).join(', \n ')}]`;
  return { body, rows: String(rows.length), total: null };
}
