/** Columns of the one row that every planned statement returns. */
export interface AnswerRow {
  body: string | null;
  /** int8 as text: the number of rows in the body. */
  rows: string;
  /** int8 as text: the number of all matching rows; null when it was not requested. */
  total: string | null;
}
