export interface AnswerRow {
  body: string | null;
  /** int8 as text. */
  rows: string;
  /** int8 as text; null when it was not requested. */
  total: string | null;
}

/** `response.headers` and `response.status`. */
export interface ResponseSettings {
  headers: string | null;
  status: string | null;
}
