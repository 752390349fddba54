/**
 * The console's connection to the metrics service, as a pure state machine.
 *
 *   asking ──token──► connecting ──message──► live ──failed / silent──► waiting ──retry──► connecting …
 *     ▲                   │ ▲                  │ ▲                          │
 *     │                   │ └──────────────────│─┴───────── (message) ──────┘
 *     └──── refused ──────┴────────────────────┘          failed: waiting again, longer
 *
 * `refused` (401, 403, an expired token) comes back to asking, with the reason. Everything else is tried again for ever.
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

/** A message comes each second; after five missed ones the connection counts as dead, though no end of it was seen. */
export const SILENCE_MS = 5_000;
const MIN_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

/** Doubles up to the longest, less up to half of it by chance, so that many consoles do not come back in one instant. */
export function waitBefore(attempt: number, jitter: number): number {
  const wait = Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(wait * (1 - jitter / 2));
}

export function next(state: ConnectionState, event: ConnectionEvent): ConnectionState {
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
        retryAt: event.at + waitBefore(attempt, event.jitter),
        reason: event.reason,
      };
    }
    case 'retry':
      if (state.is !== 'waiting') return state;
      return { is: 'connecting', attempt: state.attempt + 1, lostSince: state.lostSince, reason: state.reason };
  }
}
