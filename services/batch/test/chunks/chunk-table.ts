/** The whole table of a chunk's life, for the pure function and for the statements. Does not compile with a cell missing. */
import type { Chunk, ChunkEvent, ChunkState } from '../../src/chunks/chunk-state.ts';

export const MAX_ATTEMPTS = 3;
export const CHUNK_STATES = [
  'planned',
  'queued',
  'running',
  'done',
  'failed',
  'cancelled',
] as const satisfies ChunkState[];
export const COLUMNS = [
  ...(['publish', 'claim', 'stale claim', 'complete', 'stale complete', 'hand_back', 'stale hand_back'] as const),
  ...(['fault', 'stale fault', 'fault in the last attempt', 'lost', 'lost in the last attempt', 'cancel'] as const),
] as const;
export type Column = (typeof COLUMNS)[number];

/** The row's attempt is 2, or the last one where the column says so. */
export function eventOf(column: Column, attempt: number): ChunkEvent {
  const stale = column.startsWith('stale ');
  const type = column.replace('stale ', '').replace(' in the last attempt', '') as ChunkEvent['type'];
  if (type === 'publish' || type === 'lost' || type === 'cancel') return { type };
  return { type, attempt: stale ? attempt - 1 : attempt };
}

type Row = Record<Column, Chunk | undefined>;
const nothing = Object.fromEntries(COLUMNS.map((column) => [column, undefined])) as Row;
const cancel: Chunk = { state: 'cancelled', attempt: 2 };

export const CHUNK_TABLE: Record<ChunkState, Row> = {
  planned: { ...nothing, publish: { state: 'queued', attempt: 3 }, cancel },
  queued: { ...nothing, claim: { state: 'running', attempt: 2 }, cancel },
  running: {
    ...nothing,
    complete: { state: 'done', attempt: 2 },
    hand_back: { state: 'queued', attempt: 2 },
    fault: { state: 'queued', attempt: 3 },
    'fault in the last attempt': { state: 'failed', attempt: MAX_ATTEMPTS },
    lost: { state: 'queued', attempt: 3 },
    'lost in the last attempt': { state: 'failed', attempt: MAX_ATTEMPTS },
    cancel,
  },
  done: nothing,
  failed: nothing,
  cancelled: nothing,
};
