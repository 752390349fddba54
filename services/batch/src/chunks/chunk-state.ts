/**
 * The life of a chunk (tidemark.job_chunks: state, attempt, losses). The statements of `chunk-statements.ts` make exactly
 * these transitions. `attempt` fences: a runner whose attempt is not the row's can change nothing. A claim takes any queued
 * chunk, in the attempt that it has.
 *
 *             publish            claim             complete
 *   planned ──────────► queued ─────────► running ──────────► done
 *      │      (attempt + 1) │ ◄──────────   │ │ │
 *      │ ◄──────────────────│── fault ──────┘ │ └── lost, several items ──► split (each half is a new chunk)
 *      │                    │ ◄───────────────┘
 *      │                    │   lost, one item: queued with attempt + 1, and failed after the last loss
 *      └────────────────────┴── cancel (also from running) ───────────────► cancelled
 *
 * hand_back is the second arrow from running to queued: it keeps the attempt.
 */
export type ChunkState = 'planned' | 'queued' | 'running' | 'done' | 'split' | 'failed' | 'cancelled';

export interface Chunk {
  state: ChunkState;
  /** 0 until the chunk is published for the first time. */
  attempt: number;
  /** Number of processes that ended while they ran this chunk or the one that it was split from. */
  losses: number;
  /** Number of items. It is 0 in a chunk that is done, whose items have rows of their own or are in other chunks. */
  items: number;
}

export type ChunkEvent =
  /** The chunk enters the window of the job. */
  | { type: 'publish' }
  | { type: 'claim' }
  | { type: 'complete'; attempt: number }
  | { type: 'hand_back'; attempt: number }
  /** The runner of this attempt could not reach the database: the chunk runs again later. */
  | { type: 'fault'; attempt: number }
  /** The lease is over, or the results of its items together cannot be stored. */
  | { type: 'lost' }
  | { type: 'cancel' };

export function nextChunk(chunk: Chunk, event: ChunkEvent, maxLosses: number): Chunk | undefined {
  const { state, attempt } = chunk;
  const isHeld = state === 'running' && 'attempt' in event && event.attempt === attempt;
  switch (event.type) {
    case 'publish':
      return state === 'planned' ? { ...chunk, state: 'queued', attempt: attempt + 1 } : undefined;
    case 'claim':
      return state === 'queued' ? { ...chunk, state: 'running' } : undefined;
    case 'complete':
      return isHeld ? { ...chunk, state: 'done', items: 0 } : undefined;
    case 'hand_back':
      return isHeld ? { ...chunk, state: 'queued' } : undefined;
    case 'fault':
      return isHeld ? { ...chunk, state: 'planned' } : undefined;
    case 'lost':
      return state === 'running' ? afterLoss(chunk, maxLosses) : undefined;
    case 'cancel':
      return ['planned', 'queued', 'running'].includes(state) ? { ...chunk, state: 'cancelled' } : undefined;
  }
}

function afterLoss(chunk: Chunk, maxLosses: number): Chunk {
  const losses = chunk.losses + 1;
  if (chunk.items > 1) return { ...chunk, state: 'split', losses };
  if (losses < maxLosses) return { ...chunk, state: 'queued', attempt: chunk.attempt + 1, losses };
  return { ...chunk, state: 'failed', losses };
}
