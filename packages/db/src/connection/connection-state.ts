/**
 * The life of a connection. A lost connection is never revived, a new one takes its place.
 *
 *                      connected          acquire
 *       ┌──────────────┐     ┌──────────┐ ──────► ┌──────────┐
 *       │  connecting  │ ──► │   idle   │         │   busy   │
 *       └──────┬───────┘     └────┬─────┘ ◄────── └────┬─────┘
 *              │                  │       release      │ retire
 *              │ lost, retire     │ retire             ▼
 *              │                  ▼       release ┌──────────┐
 *              │             ┌──────────┐ ◄────── │ draining │
 *              │             │ closing  │         └────┬─────┘
 *              ▼             └────┬─────┘              │
 *           ┌──────┐              │ lost               │ lost (from anywhere)
 *           │ gone │ ◄────────────┴────────────────────┘
 *           └──────┘
 */
export const CONNECTION_STATES = ['connecting', 'idle', 'busy', 'draining', 'closing', 'gone'] as const;
export const CONNECTION_EVENTS = ['connected', 'acquire', 'release', 'retire', 'lost'] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];
export type ConnectionEvent = (typeof CONNECTION_EVENTS)[number];

/** Null marks an event that cannot happen in this state: a defect of the pool. */
const TRANSITIONS: { readonly [S in ConnectionState]: { readonly [E in ConnectionEvent]: ConnectionState | null } } = {
  connecting: { connected: 'idle', acquire: null, release: null, retire: 'gone', lost: 'gone' },
  idle: { connected: null, acquire: 'busy', release: null, retire: 'closing', lost: 'gone' },
  busy: { connected: null, acquire: null, release: 'idle', retire: 'draining', lost: 'gone' },
  draining: { connected: null, acquire: null, release: 'closing', retire: 'draining', lost: 'gone' },
  closing: { connected: null, acquire: null, release: null, retire: 'closing', lost: 'gone' },
  // A connection can die while its holder still works: in this state every event but a new use is expected.
  gone: { connected: 'gone', acquire: null, release: 'gone', retire: 'gone', lost: 'gone' },
};

export function nextConnectionState(state: ConnectionState, event: ConnectionEvent): ConnectionState | null {
  return TRANSITIONS[state][event];
}
