/** The full transition table of connection-state.ts. */
import fc from 'fast-check';
import t from 'tap';
import { TidemarkError } from '../src/errors.ts';
import { waitBefore } from '../src/live/backoff.ts';
import { type ConnectionEvent, type ConnectionState, isUp, next } from '../src/live/connection-state.ts';

const error = new TidemarkError({ code: 'AUTH_INVALID', message: 'no' });

const states = {
  idle: { is: 'idle' },
  connecting: { is: 'connecting', attempt: 3 },
  entering: { is: 'entering', attempt: 3 },
  open: { is: 'open', attempt: 3 },
  lasting: { is: 'open', attempt: 1 },
  leaving: { is: 'leaving', retryAt: 1_500 },
  waiting: { is: 'waiting', attempt: 3, retryAt: 500, reason: 'cut' },
  stopped: { is: 'stopped', error },
  closed: { is: 'closed' },
} satisfies Record<string, ConnectionState>;

const events = {
  wanted: { type: 'wanted' },
  unwanted: { type: 'unwanted' },
  opened: { type: 'opened' },
  ready: { type: 'ready' },
  settled: { type: 'settled' },
  lost: { type: 'lost', at: 1_000, reason: 'cut', jitter: 0 },
  draining: { type: 'draining', at: 1_000, afterMs: 70 },
  refused: { type: 'refused', error },
  retry: { type: 'retry' },
  token: { type: 'token' },
  close: { type: 'close' },
} satisfies Record<string, ConnectionEvent>;

/** Cells are `state:attempt`; `-` means the same object. */
const table: Record<keyof typeof states, Record<keyof typeof events, string>> = {
  //          wanted          unwanted   opened        ready      settled        lost           draining       refused         retry           token           close
  idle: row(
    'connecting:1 idle       -             -          -              -              -              -               -               -               closed',
  ),
  connecting: row(
    '-            idle       entering:3    -          -              waiting:3      -              stopped         -               -               closed',
  ),
  entering: row(
    '-            idle       -             open:3     -              waiting:3      waiting:1      stopped         -               -               closed',
  ),
  open: row(
    '-            idle       -             -          open:1         waiting:3      leaving        stopped         -               -               closed',
  ),
  lasting: row(
    '-            idle       -             -          -              waiting:1      leaving        stopped         -               -               closed',
  ),
  leaving: row(
    '-            idle       -             -          -              waiting:1      -              stopped         connecting:1    -               closed',
  ),
  waiting: row(
    '-            idle       -             -          -              -              -              stopped         connecting:4    -               closed',
  ),
  stopped: row(
    'connecting:1 idle       -             -          -              -              -              stopped         -               connecting:1    closed',
  ),
  closed: row(
    '-            -          -             -          -              -              -              -               -               -               -',
  ),
};

function row(text: string): Record<keyof typeof events, string> {
  const cells = text.trim().split(/\s+/);
  return Object.fromEntries(Object.keys(events).map((name, n) => [name, cells[n]])) as never;
}

const show = (state: ConnectionState) => ('attempt' in state ? `${state.is}:${state.attempt}` : state.is);

t.test('every event in every state leads to the state of the table', async (t) => {
  for (const [name, state] of Object.entries(states)) {
    for (const [event, given] of Object.entries(events)) {
      const expected = table[name as keyof typeof states][event as keyof typeof events];
      const after = next(state, given);
      if (expected === '-') t.equal(after, state, `${name} + ${event}`);
      else t.equal(show(after), expected, `${name} + ${event}`);
    }
  }
  t.match(next(states.connecting, events.lost), { retryAt: 1_000 + 1_000, reason: 'cut' });
  t.match(next(states.open, events.draining), { retryAt: 1_070 });
  t.match(next(states.leaving, events.lost), { retryAt: 1_500 }, 'keeps the assigned time');
  t.same(
    Object.values(states).filter(isUp),
    [states.open, states.lasting, states.leaving],
    'a leaving connection still serves',
  );
});

t.test('after any events, the connection can open again unless closed, and waits are bounded', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Object.values(events)), { maxLength: 60 }), (given) => {
      const end = given.reduce<ConnectionState>(next, states.idle);
      if (end.is === 'closed') return true;
      const again = next(next(next(end, { type: 'unwanted' }), { type: 'wanted' }), { type: 'opened' });
      return next(again, { type: 'ready' }).is === 'open';
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, jitter) => {
      const wait = waitBefore(attempt, jitter);
      return wait >= 125 && wait <= 15_000;
    }),
  );
});
