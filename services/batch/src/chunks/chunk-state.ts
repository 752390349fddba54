/**
 * The life of a chunk (tidemark.job_chunks: state, attempt). The statements of `chunk-statements.ts` make exactly
 * these transitions. `attempt` fences: a runner whose attempt is not the row's can change nothing.
 *
 *             publish            claim             complete
 *   planned ──────────► queued ─────────► running ──────────► done
 *      │      (attempt 1) │  ◄──────────     │
 *      │                  │   hand_back      │ lost, fault: queued with attempt + 1,
 *      │                  │                  │ and failed after the last attempt
 *      └──────────────────┴── cancel ────────┴──────────────► cancelled
 */
export type ChunkState = 'planned' | 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Chunk {
  state: ChunkState;
  /** 0 until it is published for the first time. */
  attempt: number;
}

export type ChunkEvent =
  /** It enters the job's window. */
  | { type: 'publish' }
  /** A runner takes the message of this attempt. */
  | { type: 'claim'; attempt: number }
  /** The runner of this attempt has every item's result. */
  | { type: 'complete'; attempt: number }
  /** The runner of this attempt is shutting down: no fault of the chunk, so no attempt is used up. */
  | { type: 'hand_back'; attempt: number }
  /** The runner of this attempt could not store or write its results. */
  | { type: 'fault'; attempt: number }
  /** The lease is over. */
  | { type: 'lost' }
  /** The job has ended. */
  | { type: 'cancel' };

/** The chunk after the event, or undefined when the event is refused (stale, or of another state). */
export function nextChunk(chunk: Chunk, event: ChunkEvent, maxAttempts: number): Chunk | undefined {
  const { state, attempt } = chunk;
  switch (event.type) {
    case 'publish':
      return state === 'planned' ? { state: 'queued', attempt: attempt + 1 } : undefined;
    case 'claim':
      return state === 'queued' && event.attempt === attempt ? { state: 'running', attempt } : undefined;
    case 'complete':
      return state === 'running' && event.attempt === attempt ? { state: 'done', attempt } : undefined;
    case 'hand_back':
      return state === 'running' && event.attempt === attempt ? { state: 'queued', attempt } : undefined;
    case 'fault':
      return state === 'running' && event.attempt === attempt ? again(attempt, maxAttempts) : undefined;
    case 'lost':
      return state === 'running' ? again(attempt, maxAttempts) : undefined;
    case 'cancel':
      return state === 'planned' || state === 'queued' || state === 'running'
        ? { state: 'cancelled', attempt }
        : undefined;
  }
}

function again(attempt: number, maxAttempts: number): Chunk {
  return attempt < maxAttempts ? { state: 'queued', attempt: attempt + 1 } : { state: 'failed', attempt };
}
