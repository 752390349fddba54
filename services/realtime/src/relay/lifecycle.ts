/**
 * The lifecycle of a relay. Pure: (state, event) → state; relay.ts acts on the result.
 *
 *            start          opened                    failed
 *   stopped ───────► opening ──────► active ────────────────────────┐
 *      ▲               │ ▲  └─ failed ──────────────────► waiting ◄──┘
 *      │         taken │ │ due                              │  │
 *      │               ▼ │                               due │  │ stop
 *      │             standby                    opening ◄────┘  │
 *      └──── ended ── stopping ◄── stop (from any of them) ◄─────┘
 *
 *   opening   takes the slot and decides on the epoch
 *   active    holds the slot and publishes
 *   standby   another instance holds it
 *   waiting   pauses after a failure, longer each time, up to a limit
 */
export type RelayState =
  | { name: 'stopped' }
  | { name: 'opening'; failures: number }
  | { name: 'active'; failures: number }
  | { name: 'standby'; delayMs: number }
  | { name: 'waiting'; failures: number; delayMs: number }
  | { name: 'stopping' };

export type RelayEvent =
  | { type: 'start' }
  | { type: 'opened' }
  /** Another process holds the slot (SQLSTATE 55006). */
  | { type: 'taken' }
  /** JetStream acknowledged a message, so earlier failures are over. */
  | { type: 'progressed' }
  | { type: 'failed' }
  /** Reads the WAL again from the confirmed position, without a failure. */
  | { type: 'reread' }
  | { type: 'due' }
  | { type: 'stop' }
  | { type: 'ended' };

export const STANDBY_RETRY_MS = 1_000;
/** The pause doubles from 100 ms, for a restart of the primary, up to 5 s, for a long outage. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

export function relayTransition(state: RelayState, event: RelayEvent): RelayState {
  if (event.type === 'stop') return state.name === 'stopped' ? state : { name: 'stopping' };
  switch (state.name) {
    case 'stopped':
      return event.type === 'start' ? { name: 'opening', failures: 0 } : state;
    case 'opening':
      if (event.type === 'opened') return { name: 'active', failures: state.failures };
      if (event.type === 'taken') return { name: 'standby', delayMs: STANDBY_RETRY_MS };
      if (event.type === 'failed') return wait(state.failures + 1);
      return state;
    case 'active':
      if (event.type === 'failed') return wait(state.failures + 1);
      if (event.type === 'reread') return { name: 'opening', failures: state.failures };
      if (event.type === 'progressed' && state.failures > 0) return { name: 'active', failures: 0 };
      return state;
    case 'standby':
      return event.type === 'due' ? { name: 'opening', failures: 0 } : state;
    case 'waiting':
      return event.type === 'due' ? { name: 'opening', failures: state.failures } : state;
    case 'stopping':
      return event.type === 'ended' ? { name: 'stopped' } : state;
  }
}

function wait(failures: number): RelayState {
  const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 10));
  return { name: 'waiting', failures, delayMs };
}
