import fc from 'fast-check';
import t from 'tap';
import { type RelayEvent, type RelayState, relayTransition, STANDBY_RETRY_MS } from '../../src/relay/lifecycle.ts';

const stopped: RelayState = { name: 'stopped' };
const opening: RelayState = { name: 'opening', failures: 2 };
const active: RelayState = { name: 'active', failures: 2 };
const standby: RelayState = { name: 'standby', delayMs: STANDBY_RETRY_MS };
const waiting: RelayState = { name: 'waiting', failures: 2, delayMs: 200 };
const stopping: RelayState = { name: 'stopping' };
const failed: RelayState = { name: 'waiting', failures: 3, delayMs: 400 };

type Name = RelayState['name'];
type Event = RelayEvent['type'];

/** Does not compile when a cell is missing. `=`: stays as it is. */
const table: Record<Name, { from: RelayState; to: Record<Event, RelayState | '='> }> = {
  stopped: {
    from: stopped,
    to: {
      start: { name: 'opening', failures: 0 },
      opened: '=',
      taken: '=',
      progressed: '=',
      failed: '=',
      reread: '=',
      due: '=',
      stop: '=',
      ended: '=',
    },
  },
  opening: {
    from: opening,
    to: {
      start: '=',
      opened: active,
      taken: standby,
      progressed: '=',
      failed,
      reread: '=',
      due: '=',
      stop: stopping,
      ended: '=',
    },
  },
  active: {
    from: active,
    to: {
      start: '=',
      opened: '=',
      taken: '=',
      progressed: { name: 'active', failures: 0 },
      failed,
      reread: opening,
      due: '=',
      stop: stopping,
      ended: '=',
    },
  },
  standby: {
    from: standby,
    to: {
      start: '=',
      opened: '=',
      taken: '=',
      progressed: '=',
      failed: '=',
      reread: '=',
      due: { name: 'opening', failures: 0 },
      stop: stopping,
      ended: '=',
    },
  },
  waiting: {
    from: waiting,
    to: {
      start: '=',
      opened: '=',
      taken: '=',
      progressed: '=',
      failed: '=',
      reread: '=',
      due: opening,
      stop: stopping,
      ended: '=',
    },
  },
  stopping: {
    from: stopping,
    to: {
      start: '=',
      opened: '=',
      taken: '=',
      progressed: '=',
      failed: '=',
      reread: '=',
      due: '=',
      stop: stopping,
      ended: stopped,
    },
  },
};

t.test('handles every event in every state', async (t) => {
  for (const [name, { from, to }] of Object.entries(table)) {
    for (const [type, expected] of Object.entries(to)) {
      const result = relayTransition(from, { type } as RelayEvent);
      t.strictSame(result, expected === '=' ? from : expected, `${name}: ${type}`);
    }
  }
});

t.test('bounds delays, and stays stopped until the next start', async () => {
  const events = fc.array(fc.constantFrom(...(Object.keys(table.active.to) as Event[])), { maxLength: 60 });
  fc.assert(
    fc.property(events, (types) => {
      let state: RelayState = stopped;
      for (const type of types) {
        const before: RelayState = state;
        state = relayTransition(state, { type });
        if ('delayMs' in state && (state.delayMs < 100 || state.delayMs > 5_000)) return false;
        if (before.name === 'stopping' && state.name !== 'stopping' && type !== 'ended') return false;
      }
      return true;
    }),
  );
});
