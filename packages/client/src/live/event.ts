/**
 * What a live query tells of. Positions and keys are the server's. `index`, in a window (order and limit): the place of the row
 * once all events of the frame are applied.
 */
export type LiveEvent<Row> =
  /**
   * All rows of the query: at first, and again after a gap that could not be followed (`reason` says why). Without a `position`
   * where the server does not know yet from where its changes go on: the next event has one.
   */
  | { type: 'snapshot'; rows: Row[]; position?: string; reason?: string }
  /** Only without snapshots: changes were missed. */
  | { type: 'gap'; reason: string }
  /** A row came: it was inserted, or an update brought it under the filter or into sight. */
  | { type: 'insert' | 'enter'; row: Row; index?: number; position: string }
  /** `old` has the old key where that changed. */
  | { type: 'update'; row: Row; old?: Partial<Row>; index?: number; position: string }
  /** A row went: it was deleted, or an update took it away. `old` has at least its key. */
  | { type: 'delete' | 'leave'; old: Partial<Row>; position: string };

export type LiveStatus = 'connecting' | 'filling' | 'live' | 'waiting' | 'failed' | 'closed';
