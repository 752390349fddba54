import { FINAL_JOB_STATES, JOB_STATES, type JobState } from '@tidemark/contracts';
import fc from 'fast-check';
import t from 'tap';
import { type JobEvent, nextJobState } from '../../src/jobs/job-state.ts';

/** Columns of the table. */
const EVENTS = {
  claim: { type: 'claim' },
  plan_lost: { type: 'plan_lost' },
  planned: { type: 'planned' },
  refused: { type: 'refused', done: 0 },
  'refused with items done': { type: 'refused', done: 1 },
  finished: { type: 'finished', done: 1, failed: 0 },
  'finished without items': { type: 'finished', done: 0, failed: 0 },
  'finished with failures': { type: 'finished', done: 1, failed: 1 },
  'finished with nothing done': { type: 'finished', done: 0, failed: 1 },
  pause: { type: 'pause' },
  resume: { type: 'resume', planned: true },
  'resume unplanned': { type: 'resume', planned: false },
  retry: { type: 'retry', planned: true },
  'retry unplanned': { type: 'retry', planned: false },
  cancel: { type: 'cancel' },
} as const satisfies Record<string, JobEvent>;
type Column = keyof typeof EVENTS;
type Cells = Partial<Record<Column, JobState>>;

const refused: Cells = { refused: 'failed', 'refused with items done': 'partly_failed', cancel: 'cancelled' };
const finished: Cells = {
  finished: 'succeeded',
  'finished without items': 'succeeded',
  'finished with failures': 'partly_failed',
  'finished with nothing done': 'failed',
};
const retried: Cells = { retry: 'running', 'retry unplanned': 'queued' };

/** Events that are not listed are ignored. The type requires a row for each state. */
const TABLE: Record<JobState, Cells> = {
  queued: { ...refused, claim: 'planning', pause: 'paused' },
  planning: { ...refused, plan_lost: 'queued', planned: 'running', pause: 'paused' },
  running: { ...refused, ...finished, pause: 'paused' },
  paused: { ...refused, ...finished, resume: 'running', 'resume unplanned': 'queued' },
  succeeded: {},
  partly_failed: retried,
  failed: retried,
  cancelled: {},
};

t.test('every event does in every state what the table says', async (t) => {
  for (const state of JOB_STATES) {
    for (const [column, event] of Object.entries(EVENTS) as [Column, JobEvent][]) {
      t.equal(nextJobState(state, event), TABLE[state][column], `${state}, ${column}`);
    }
  }
});

t.test(
  'after any sequence of events only a retry leaves an end state, and cancel reaches it from all others',
  async () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.values(EVENTS)), { maxLength: 20 }), (events) => {
        let state: JobState = 'queued';
        for (const event of events) {
          const next: JobState | undefined = nextJobState(state, event);
          if (FINAL_JOB_STATES.includes(state) && next !== undefined && event.type !== 'retry') return false;
          state = next ?? state;
        }
        const isOver = FINAL_JOB_STATES.includes(state);
        return (nextJobState(state, { type: 'cancel' }) === 'cancelled') !== isOver;
      }),
    );
  },
);
