/** The whole table of a chunk's life, for the pure function and for the statements. Does not compile with a cell missing. */
import type { Chunk, ChunkEvent, ChunkState } from '../../src/chunks/chunk-state.ts';

export const MAX_LOSSES = 3;
export const CHUNK_STATES = [
  'planned',
  'queued',
  'running',
  'done',
  'split',
  'failed',
  'cancelled',
] as const satisfies ChunkState[];
export const COLUMNS = [
  ...(['publish', 'claim', 'complete', 'stale complete', 'hand_back', 'stale hand_back'] as const),
  ...(['fault', 'stale fault', 'lost', 'lost with one item', 'lost with one item at last', 'cancel'] as const),
] as const;
export type Column = (typeof COLUMNS)[number];

/** The chunk before the event. */
export function chunkBefore(state: ChunkState, column: Column): Chunk {
  const losses = column.endsWith('at last') ? MAX_LOSSES - 1 : 0;
  return { state, attempt: 2, losses, items: column.includes('one item') ? 1 : 2 };
}

export function eventOf(column: Column, attempt: number): ChunkEvent {
  const type = column.replace('stale ', '').replace(/ with one item.*/, '') as ChunkEvent['type'];
  if (type === 'publish' || type === 'claim' || type === 'lost' || type === 'cancel') return { type };
  return { type, attempt: column.startsWith('stale ') ? attempt - 1 : attempt };
}

type Change = Partial<Chunk> | undefined;
const nothing = Object.fromEntries(COLUMNS.map((column) => [column, undefined])) as Record<Column, Change>;
const cancel: Change = { state: 'cancelled' };

/** The columns that the event changes; undefined when it is refused. */
export const CHUNK_TABLE: Record<ChunkState, Record<Column, Change>> = {
  planned: { ...nothing, publish: { state: 'queued', attempt: 3 }, cancel },
  queued: { ...nothing, claim: { state: 'running' }, cancel },
  running: {
    ...nothing,
    complete: { state: 'done', items: 0 },
    hand_back: { state: 'queued' },
    fault: { state: 'planned' },
    lost: { state: 'split', losses: 1 },
    'lost with one item': { state: 'queued', attempt: 3, losses: 1 },
    'lost with one item at last': { state: 'failed', losses: MAX_LOSSES },
    cancel,
  },
  done: nothing,
  split: nothing,
  failed: nothing,
  cancelled: nothing,
};
