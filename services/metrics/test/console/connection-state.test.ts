import t from 'tap';
import {
  type ConnectionEvent,
  type ConnectionState,
  nextState,
  retryDelay,
} from '../../console/src/live/connection-state.ts';

const STATES = {
  asking: { is: 'asking', refusal: null },
  connecting: { is: 'connecting', attempt: 3, lostSince: 50, reason: 'gone' },
  live: { is: 'live', lastAt: 90 },
  waiting: { is: 'waiting', attempt: 3, lostSince: 50, retryAt: 200, reason: 'gone' },
} satisfies { [K in ConnectionState['is']]: Extract<ConnectionState, { is: K }> };

const EVENTS = {
  token: { type: 'token' },
  forget: { type: 'forget' },
  message: { type: 'message', at: 100 },
  failed: { type: 'failed', at: 100, reason: 'cut', jitter: 0 },
  refused: { type: 'refused', refusal: { message: 'no', hint: null } },
  retry: { type: 'retry' },
} satisfies { [K in ConnectionEvent['type']]: Extract<ConnectionEvent, { type: K }> };

type Table = { [S in ConnectionState['is']]: { [E in ConnectionEvent['type']]: ConnectionState | 'same' } };

const fresh: ConnectionState = { is: 'connecting', attempt: 1, lostSince: null, reason: null };
const refused: ConnectionState = { is: 'asking', refusal: { message: 'no', hint: null } };
const live: ConnectionState = { is: 'live', lastAt: 100 };

/** The type requires a cell for each state and event. */
const TABLE: Table = {
  asking: { token: fresh, forget: STATES.asking, message: 'same', failed: 'same', refused, retry: 'same' },
  connecting: {
    token: fresh,
    forget: STATES.asking,
    message: live,
    failed: { is: 'waiting', attempt: 3, lostSince: 50, retryAt: 2_100, reason: 'cut' },
    refused,
    retry: 'same',
  },
  live: {
    token: fresh,
    forget: STATES.asking,
    message: live,
    failed: { is: 'waiting', attempt: 1, lostSince: 90, retryAt: 600, reason: 'cut' },
    refused,
    retry: 'same',
  },
  waiting: {
    token: fresh,
    forget: STATES.asking,
    message: live,
    failed: 'same',
    refused,
    retry: { is: 'connecting', attempt: 4, lostSince: 50, reason: 'gone' },
  },
};

for (const state of Object.values(STATES)) {
  for (const event of Object.values(EVENTS)) {
    t.test(`${state.is} on ${event.type}`, async (t) => {
      const expected = TABLE[state.is][event.type];
      if (expected === 'same') t.equal(nextState(state, event), state);
      else t.same(nextState(state, event), expected);
    });
  }
}

t.test('the delay doubles up to ten seconds, minus up to 50 % jitter', async (t) => {
  t.same(
    [1, 2, 3, 9, 99].map((attempt) => retryDelay(attempt, 0)),
    [500, 1_000, 2_000, 10_000, 10_000],
  );
  t.equal(retryDelay(9, 1), 5_000);
});
