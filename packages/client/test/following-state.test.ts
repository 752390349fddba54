/** The full transition table of following-state.ts, for queries with and without snapshots. */
import fc from 'fast-check';
import t from 'tap';
import { TidemarkError } from '../src/errors.ts';
import { type FollowingEvent, type FollowingState, nextFollowing } from '../src/live/following-state.ts';

const passing = new TidemarkError({ code: 'RT_NOT_FOLLOWING', message: 'not now', retry: true });
const final = new TidemarkError({ code: '42501', message: 'no' });

const states = {
  off: { is: 'off', from: 'position', attempt: 2 },
  asking: { is: 'asking', from: 'position', attempt: 2 },
  first: { is: 'asking', from: 'snapshot', attempt: 2 },
  filling: { is: 'filling', attempt: 2 },
  following: { is: 'following', from: 'position', attempt: 2 },
  unplaced: { is: 'following', from: 'snapshot', attempt: 2 },
  waiting: { is: 'waiting', from: 'snapshot', attempt: 2, retryAt: 1, reason: 'slow' },
  failed: { is: 'failed', error: final },
  closed: { is: 'closed' },
} satisfies Record<string, FollowingState>;

const at = { at: 1_000, jitter: 0 };
const events = {
  up: { type: 'up' },
  down: { type: 'down' },
  subscribed: { type: 'subscribed' },
  filled: { type: 'filled', placed: true },
  unplaced: { type: 'filled', placed: false },
  applied: { type: 'applied' },
  settled: { type: 'settled' },
  resync: { type: 'resync', reason: 'gap', ...at },
  passing: { type: 'refused', error: passing, ...at },
  final: { type: 'refused', error: final, ...at },
  retry: { type: 'retry' },
  forget: { type: 'forget' },
  stopped: { type: 'stopped', error: final },
  close: { type: 'close' },
} satisfies Record<string, FollowingEvent>;

/** Cells are state/from/attempt; `-` means the same object; A stands for the parameter `afresh`. */
const table: Record<keyof typeof states, string> = {
  //   up            down          subscribed    filled        unplaced      applied       settled       resync        passing       final         retry         forget        stopped       close
  off: 'asking/P/2    off/P/2       -             -             -             -             -             -             -             -             -             off/A/0       failed        closed',
  asking:
    '-             off/P/2       following/P/2 -             -             -             -             waiting/A/3   waiting/P/3   failed        -             off/A/0       failed        closed',
  first:
    '-             off/S/2       filling//2    -             -             -             -             waiting/A/3   waiting/S/3   failed        -             off/A/0       failed        closed',
  filling:
    '-             off/A/2       -             following/P/2 following/A/2 -             -             waiting/A/3   waiting/A/3   failed        -             off/A/0       failed        closed',
  following:
    '-             off/P/2       -             -             -             following/P/2 following/P/0 waiting/A/3   waiting/P/3   failed        -             off/A/0       failed        closed',
  unplaced:
    '-             off/S/2       -             -             -             following/P/2 following/S/0 waiting/A/3   waiting/S/3   failed        -             off/A/0       failed        closed',
  waiting:
    '-             off/S/2       -             -             -             -             -             -             -             -             asking/S/2    off/A/0       failed        closed',
  failed:
    '-             -             -             -             -             -             -             -             -             -             -             -             -             closed',
  closed:
    '-             -             -             -             -             -             -             -             -             -             -             -             -             -',
};

const letter = { snapshot: 'S', position: 'P', now: 'N' } as const;
const show = (state: FollowingState) =>
  'attempt' in state ? `${state.is}/${'from' in state ? letter[state.from] : ''}/${state.attempt}` : state.is;

for (const afresh of ['snapshot', 'now'] as const) {
  t.test(`every event in every state leads to the state of the table, with afresh = ${afresh}`, async (t) => {
    for (const [name, state] of Object.entries(states)) {
      const cells = table[name as keyof typeof states].trim().split(/\s+/);
      for (const [n, [event, given]] of Object.entries(events).entries()) {
        const expected = (cells[n] as string).replace('A', letter[afresh]);
        const after = nextFollowing(state, given, afresh);
        if (expected === '-') t.equal(after, state, `${name} + ${event}`);
        else t.equal(show(after), expected, `${name} + ${event}`);
      }
    }
  });
}

t.test('the first pause is 0, later ones grow, and a settled query starts again at 0', async (t) => {
  const rest = (state: FollowingState) => {
    const resting = nextFollowing(state, events.resync, 'snapshot');
    return resting.is === 'waiting' ? resting.retryAt - 1_000 : undefined;
  };
  t.equal(rest({ is: 'following', from: 'position', attempt: 0 }), 0);
  t.equal(rest({ is: 'following', from: 'position', attempt: 1 }), 250);
  t.equal(rest({ is: 'following', from: 'position', attempt: 3 }), 1_000);
});

t.test('after a resync or a new identity, the next subscribe never uses a position', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Object.values(events)), { maxLength: 60 }), (given) => {
      let state: FollowingState = { is: 'off', from: 'snapshot', attempt: 0 };
      for (const event of given) {
        const before: FollowingState = state;
        state = nextFollowing(state, event, 'snapshot');
        const cost = event.type === 'resync' || event.type === 'forget';
        if (cost && state !== before && 'from' in state && state.from === 'position') return false;
        // An incomplete snapshot is requested again.
        if (before.is === 'filling' && state.is === 'off' && state.from !== 'snapshot') return false;
      }
      return true;
    }),
  );
});
