export type SinkEvent =
  | { type: 'sink.snapshot'; table: string; reason: string }
  | { type: 'sink.copied'; table: string; rows: number; ms: number }
  | { type: 'sink.altered'; table: string; added: readonly string[]; dropped: readonly string[] }
  | { type: 'sink.truncated'; table: string }
  | { type: 'sink.table_gone'; table: string }
  /** The same work is tried again until it succeeds; reported for the first failure. */
  | { type: 'sink.retrying'; error: Error }
  | { type: 'sink.recovered'; attempts: number };

export type Observe = (event: SinkEvent) => void;
