import fc from 'fast-check';
import t from 'tap';
import {
  CONNECTION_EVENTS,
  CONNECTION_STATES,
  type ConnectionEvent,
  type ConnectionState,
  nextConnectionState,
} from '../../src/connection/connection-state.ts';

/** The whole table once more, by hand: a missing cell does not compile. */
const EXPECTED: Record<ConnectionState, Record<ConnectionEvent, ConnectionState | null>> = {
  connecting: { connected: 'idle', acquire: null, release: null, retire: 'gone', lost: 'gone' },
  idle: { connected: null, acquire: 'busy', release: null, retire: 'closing', lost: 'gone' },
  busy: { connected: null, acquire: null, release: 'idle', retire: 'draining', lost: 'gone' },
  draining: { connected: null, acquire: null, release: 'closing', retire: 'draining', lost: 'gone' },
  closing: { connected: null, acquire: null, release: null, retire: 'closing', lost: 'gone' },
  gone: { connected: 'gone', acquire: null, release: 'gone', retire: 'gone', lost: 'gone' },
};

t.test('every state handles every event as the table says', async (t) => {
  for (const state of CONNECTION_STATES) {
    for (const event of CONNECTION_EVENTS)
      t.equal(nextConnectionState(state, event), EXPECTED[state][event], `${state}: ${event}`);
  }
});

t.test('over any sequence, gone is final, a lost connection is gone, and only an idle one is acquired', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...CONNECTION_EVENTS), { maxLength: 40 }), (events) => {
      let state: ConnectionState = 'connecting';
      for (const event of events) {
        const next = nextConnectionState(state, event);
        if (event === 'lost' && next !== 'gone') return false;
        if (state === 'gone' && next !== null && next !== 'gone') return false;
        if (event === 'acquire' && next !== null && state !== 'idle') return false;
        if (next !== null) state = next;
      }
      return true;
    }),
  );
});
