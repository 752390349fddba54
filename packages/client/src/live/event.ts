/** In a window (order and limit), `index` is the place of the row once all events of the frame are applied. */
export type LiveEvent<Row> =
  /**
   * All rows of the query: first, and again after changes were missed (`reason` says why). `position` is absent while the server does
   * not know where the changes continue; the next event has one.
   */
  | { type: 'snapshot'; rows: Row[]; position?: string; reason?: string }
  /** Changes were missed, and snapshots are off. */
  | { type: 'gap'; reason: string }
  /** A row was inserted, or an update made it visible or made it match the filter. */
  | { type: 'insert' | 'enter'; row: Row; index?: number; position: string }
  /** `old` has the previous key if the key changed. */
  | { type: 'update'; row: Row; old?: Partial<Row>; index?: number; position: string }
  /** A row was deleted, or no longer matches. `old` has at least its key. */
  | { type: 'delete' | 'leave'; old: Partial<Row>; position: string };

export type LiveStatus = 'connecting' | 'filling' | 'live' | 'waiting' | 'failed' | 'closed';
