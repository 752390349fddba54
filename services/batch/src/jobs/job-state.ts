/**
 * The life of a job (tidemark.jobs.state). The statements of `job-statements.ts` make exactly these transitions.
 *
 *            claim               planned                finished, something done
 *   queued ─────────► planning ─────────► running ─────────────────────────────► succeeded
 *     │  ◄───────────    │                  │  │
 *     │    plan_lost     │ refused          │  └── finished, nothing done ─────► failed
 *     │                  └────────────────────────────────────────────────────► failed
 *     └────────── cancel (from queued, planning, running) ────────────────────► cancelled
 */
import type { JobState } from '@tidemark/contracts';

export type JobEvent =
  /** A planner claims the job. */
  | { type: 'claim' }
  /** Its planner has sent no heartbeat for too long. */
  | { type: 'plan_lost' }
  /** Its chunks are written. */
  | { type: 'planned' }
  /** The spec or the inputs of the job are invalid. */
  | { type: 'refused' }
  /** No chunk is open; `done` items succeeded. */
  | { type: 'finished'; done: number }
  /** The owner cancels it, through the API or SQL. */
  | { type: 'cancel' };

/** Returns the state after the event, or undefined for an event to be ignored in this state. */
export function nextJobState(state: JobState, event: JobEvent): JobState | undefined {
  switch (event.type) {
    case 'claim':
      return state === 'queued' ? 'planning' : undefined;
    case 'plan_lost':
      return state === 'planning' ? 'queued' : undefined;
    case 'planned':
      return state === 'planning' ? 'running' : undefined;
    case 'refused':
      return state === 'planning' ? 'failed' : undefined;
    case 'finished':
      if (state !== 'running') return undefined;
      // One usable result makes the job a success; `failed` is the number of items without a result.
      return event.done > 0 ? 'succeeded' : 'failed';
    case 'cancel':
      return state === 'queued' || state === 'planning' || state === 'running' ? 'cancelled' : undefined;
  }
}
