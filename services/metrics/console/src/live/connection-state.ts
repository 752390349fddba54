/**
 * The console's connection to the metrics service, as a pure state machine.
 *
 *   asking ──token──► connecting ──message──► live ──failed / silent──► waiting ──retry──► connecting …
 *     ▲                   │ ▲                  │ ▲                          │
 *     │                   │ └──────────────────│─┴───────── (message) ──────┘
 *     └──── refused ──────┴────────────────────┘          failed: waiting again, longer
 *
 * `refused` (401, 403, an expired token) returns to asking, with the reason. All other failures are retried without end.
 */
export interface Refusal {
  message: string;
  hint: string | null;
}

export type ConnectionState =
  | { is: 'asking'; refusal: Refusal | null }
  | { is: 'connecting'; attempt: number; lostSince: number | null; reason: string | null }
  | { is: 'live'; lastAt: number }
  | { is: 'waiting'; attempt: number; lostSince: number; retryAt: number; reason: string };

export type ConnectionEvent =
  | { type: 'token' }
  | { type: 'forget' }
  | { type: 'message'; at: number }
  | { type: 'failed'; at: number; reason: string; jitter: number }
  | { type: 'refused'; refusal: Refusal }
  | { type: 'retry' };

/** The service sends a message each second; after five missing ones the connection counts as lost. */
export const SILENCE_MS = 5_000;
const MIN_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

/** Exponential backoff with up to 50 % jitter, so that many consoles do not reconnect at once. */
export function retryDelay(attempt: number, jitter: number): number {
  const wait = Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(wait * (1 - jitter / 2));
}

export function nextState(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.type) {
    case 'token':
      return { is: 'connecting', attempt: 1, lostSince: null, reason: null };
    case 'forget':
      return { is: 'asking', refusal: null };
    case 'refused':
      return { is: 'asking', refusal: event.refusal };
    case 'message':
      return state.is === 'asking' ? state : { is: 'live', lastAt: event.at };
    case 'failed': {
      if (state.is === 'asking' || state.is === 'waiting') return state;
      const attempt = state.is === 'connecting' ? state.attempt : 1;
      return {
        is: 'waiting',
        attempt,
        lostSince: (state.is === 'live' ? state.lastAt : state.lostSince) ?? event.at,
        retryAt: event.at + retryDelay(attempt, event.jitter),
        reason: event.reason,
      };
    }
    case 'retry':
      if (state.is !== 'waiting') return state;
      return { is: 'connecting', attempt: state.attempt + 1, lostSince: state.lostSince, reason: state.reason };
  }
}
