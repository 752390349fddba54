/**
 * The life of a relay. Pure: (state, event) → state; relay.ts acts on what it returns.
 *
 *            start          opened                    failed
 *   stopped ───────► opening ──────► active ────────────────────────┐
 *      ▲               │ ▲  └─ failed ──────────────────► waiting ◄──┘
 *      │         taken │ │ due                              │  │
 *      │               ▼ │                               due │  │ stop
 *      │             standby                    opening ◄────┘  │
 *      └──── ended ── stopping ◄── stop (from any of them) ◄─────┘
 *
 *   opening   looking for the slot, taking it, and deciding on the epoch
 *   active    this instance holds the slot and publishes
 *   standby   another instance holds it
 *   waiting   after a failure; longer each time, up to a limit
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
  /** The slot is ours and the epoch is settled. */
  | { type: 'opened' }
  /** Another process holds the slot (SQLSTATE 55006). */
  | { type: 'taken' }
  /** JetStream acknowledged something: the trouble, if there was any, is over. */
  | { type: 'progressed' }
  | { type: 'failed' }
  /** Read the WAL again from the confirmed position, on purpose. */
  | { type: 'reread' }
  /** The delay of `standby` or `waiting` is over. */
  | { type: 'due' }
  | { type: 'stop' }
  | { type: 'ended' };

/** A stand-by takes over within about a second of the slot being free. */
export const STANDBY_RETRY_MS = 1_000;
/** Doubling from 100 ms: quick after a restart of the primary, and no more than an attempt in 5 s in a long outage. */
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
