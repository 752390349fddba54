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
  /** A planner takes it. */
  | { type: 'claim' }
  /** Its planner has not been heard of for too long. */
  | { type: 'plan_lost' }
  /** Its chunks are written. */
  | { type: 'planned' }
  /** Its spec or its inputs cannot be used. */
  | { type: 'refused' }
  /** No chunk is open any more; `done` items succeeded. */
  | { type: 'finished'; done: number }
  /** By its owner, through the API or SQL. */
  | { type: 'cancel' };

/** The state after the event, or undefined when the event means nothing in this state (it is then ignored). */
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
      // One usable result makes the job worth having; `failed` says how many items are missing from it.
      return event.done > 0 ? 'succeeded' : 'failed';
    case 'cancel':
      return state === 'queued' || state === 'planning' || state === 'running' ? 'cancelled' : undefined;
  }
}
