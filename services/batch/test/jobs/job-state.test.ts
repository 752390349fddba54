import { JOB_STATES, type JobState } from '@tidemark/contracts';
import fc from 'fast-check';
import t from 'tap';
import { type JobEvent, nextJobState } from '../../src/jobs/job-state.ts';

type Column = JobEvent['type'] | 'finished with nothing done';

/** Does not compile when a cell is missing. `undefined`: ignored. */
const TABLE: Record<JobState, Record<Column, JobState | undefined>> = {
  queued: {
    ...{ claim: 'planning', plan_lost: undefined, planned: undefined, refused: undefined },
    ...{ finished: undefined, 'finished with nothing done': undefined, cancel: 'cancelled' },
  },
  planning: {
    ...{ claim: undefined, plan_lost: 'queued', planned: 'running', refused: 'failed' },
    ...{ finished: undefined, 'finished with nothing done': undefined, cancel: 'cancelled' },
  },
  running: {
    ...{ claim: undefined, plan_lost: undefined, planned: undefined, refused: undefined },
    ...{ finished: 'succeeded', 'finished with nothing done': 'failed', cancel: 'cancelled' },
  },
  succeeded: final(),
  failed: final(),
  cancelled: final(),
};

function final(): Record<Column, undefined> {
  return {
    ...{ claim: undefined, plan_lost: undefined, planned: undefined, refused: undefined },
    ...{ finished: undefined, 'finished with nothing done': undefined, cancel: undefined },
  };
}

function eventOf(column: Column): JobEvent {
  if (column === 'finished') return { type: 'finished', done: 1 };
  if (column === 'finished with nothing done') return { type: 'finished', done: 0 };
  return { type: column };
}

t.test('every state and event', async (t) => {
  for (const [state, row] of Object.entries(TABLE) as [JobState, Record<Column, JobState | undefined>][]) {
    for (const [column, expected] of Object.entries(row) as [Column, JobState | undefined][]) {
      t.equal(nextJobState(state, eventOf(column)), expected, `${state}, ${column}`);
    }
  }
});

const anyEvent: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.record({ type: fc.constant('finished' as const), done: fc.nat(3) }),
  fc.record({ type: fc.constantFrom('claim', 'plan_lost', 'planned', 'refused', 'cancel') }),
);

t.test('from any history: an end is an end, and cancel reaches it from everywhere else', async () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
      let state: JobState = 'queued';
      for (const event of events) {
        const next = nextJobState(state, event);
        if (['succeeded', 'failed', 'cancelled'].includes(state) && next !== undefined) return false;
        state = next ?? state;
      }
      const ended = ['succeeded', 'failed', 'cancelled'].includes(state);
      return JOB_STATES.includes(state) && (nextJobState(state, { type: 'cancel' }) === 'cancelled') !== ended;
    }),
  );
});
