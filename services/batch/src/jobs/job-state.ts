/**
 * The life of a job (tidemark.jobs.state). The statements of `job-statements.ts` and the functions of the database make
 * exactly these transitions.
 *
 *            claim              planned             finished
 *   queued ────────► planning ────────► running ──────────────► succeeded, partly_failed or failed
 *     ▲ ▲ └──────┐      │ │ refused       │ ▲ ▲                    │            │
 *     │ │  pause ▼      │ └───────────────┼─┼─┼──► failed          │            │
 *     │ └─────── paused ◄────── pause ────┘ │ └─── retry, chunks ──┴────────────┘
 *     │ resume     └──── resume, chunks ────┘            │
 *     └───────────── retry, nothing planned ◄────────────┘
 *
 * cancel leads from every unfinished state to cancelled, and plan_lost from planning back to queued. A job that is out of
 * time, or whose source fails later, is refused while it runs.
 */
import type { JobState } from '@tidemark/contracts';

export type JobEvent =
  | { type: 'claim' }
  /** Its planner has sent no heartbeat for too long. */
  | { type: 'plan_lost' }
  | { type: 'planned' }
  /** Its spec or its inputs cannot be used, or its time is over. `done` items succeeded before. */
  | { type: 'refused'; done: number }
  | { type: 'finished'; done: number; failed: number }
  | { type: 'pause' }
  /** `planned`: it has chunks. */
  | { type: 'resume'; planned: boolean }
  | { type: 'retry'; planned: boolean }
  | { type: 'cancel' };

const UNFINISHED: readonly JobState[] = ['queued', 'planning', 'running', 'paused'];

export function nextJobState(state: JobState, event: JobEvent): JobState | undefined {
  const isUnfinished = UNFINISHED.includes(state);
  switch (event.type) {
    case 'claim':
      return state === 'queued' ? 'planning' : undefined;
    case 'plan_lost':
      return state === 'planning' ? 'queued' : undefined;
    case 'planned':
      return state === 'planning' ? 'running' : undefined;
    case 'refused':
      if (!isUnfinished) return undefined;
      return event.done > 0 ? 'partly_failed' : 'failed';
    case 'finished':
      return state === 'running' || state === 'paused' ? endOf(event) : undefined;
    case 'pause':
      return isUnfinished && state !== 'paused' ? 'paused' : undefined;
    case 'resume':
      return state === 'paused' ? again(event) : undefined;
    case 'retry':
      return state === 'failed' || state === 'partly_failed' ? again(event) : undefined;
    case 'cancel':
      return isUnfinished ? 'cancelled' : undefined;
  }
}

const again = ({ planned }: { planned: boolean }): JobState => (planned ? 'running' : 'queued');

function endOf({ done, failed }: { done: number; failed: number }): JobState {
  if (failed === 0) return 'succeeded';
  return done > 0 ? 'partly_failed' : 'failed';
}
