/** Columns of the one row that every planned statement returns. */
export interface AnswerRow {
  body: string | null;
  /** int8 as text: the rows in the body. */
  rows: string;
  /** int8 as text: all rows that match; null where it was not asked for. */
  total: string | null;
}
