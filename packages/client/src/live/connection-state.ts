/**
 * The states of a client's WebSocket connection, as a pure state machine.
 *
 *   idle ──wanted──► connecting ──opened──► entering ──ready──► open ──draining──► leaving
 *     ▲                 │  ▲  ▲                │                 │                  │ │
 *     │                 │  │  └─────────────── │ ─────────────── │ ───── retry ─────┘ │
 *     │                 └──│──── lost ─────────┴─────────────────┴────────────────────┘
 *     │                    │                                 │
 *     │                 retry ◄──────────── waiting ◄────────┘
 *     └── unwanted (from anywhere)       refused (from anywhere) ──► stopped ──token, wanted──► connecting
 *
 * `leaving`: the server is about to stop, and serves until the time that it assigned to this client.
 * `refused`: reconnecting fails until something changes (close codes 4100 to 4199, a refused token). `closed` is final.
 */
import type { TidemarkError } from '../errors.ts';
import { waitBefore } from './backoff.ts';

export type ConnectionState =
  | { is: 'idle' }
  | { is: 'connecting'; attempt: number }
  /** The server verifies the token. */
  | { is: 'entering'; attempt: number }
  /** `attempt` goes back to 1 only after the connection has been open for a while, so that short connections back off. */
  | { is: 'open'; attempt: number }
  | { is: 'leaving'; retryAt: number }
  | { is: 'waiting'; attempt: number; retryAt: number; reason: string }
  | { is: 'stopped'; error: TidemarkError }
  | { is: 'closed' };

export type ConnectionEvent =
  | { type: 'wanted' }
  | { type: 'unwanted' }
  | { type: 'opened' }
  | { type: 'ready' }
  | { type: 'settled' }
  | { type: 'lost'; at: number; reason: string; jitter: number }
  /** The server is about to stop; the client reconnects after `afterMs`. */
  | { type: 'draining'; at: number; afterMs: number }
  | { type: 'refused'; error: TidemarkError }
  | { type: 'retry' }
  | { type: 'token' }
  | { type: 'close' };

export function next(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (state.is === 'closed') return state;
  switch (event.type) {
    case 'close':
      return { is: 'closed' };
    case 'unwanted':
      return { is: 'idle' };
    case 'wanted':
      return state.is === 'idle' || state.is === 'stopped' ? { is: 'connecting', attempt: 1 } : state;
    case 'opened':
      return state.is === 'connecting' ? { is: 'entering', attempt: state.attempt } : state;
    case 'ready':
      return state.is === 'entering' ? { is: 'open', attempt: state.attempt } : state;
    case 'settled':
      return state.is === 'open' && state.attempt > 1 ? { is: 'open', attempt: 1 } : state;
    case 'lost': {
      if (state.is === 'leaving') return { is: 'waiting', attempt: 1, retryAt: state.retryAt, reason: event.reason };
      if (state.is !== 'connecting' && state.is !== 'entering' && state.is !== 'open') return state;
      const { attempt } = state;
      return { is: 'waiting', attempt, retryAt: event.at + waitBefore(attempt, event.jitter), reason: event.reason };
    }
    case 'draining':
      if (state.is === 'open') return { is: 'leaving', retryAt: event.at + event.afterMs };
      if (state.is !== 'entering') return state;
      return { is: 'waiting', attempt: 1, retryAt: event.at + event.afterMs, reason: 'the server is about to stop' };
    case 'refused':
      return state.is === 'idle' ? state : { is: 'stopped', error: event.error };
    case 'retry':
      if (state.is === 'leaving') return { is: 'connecting', attempt: 1 };
      return state.is === 'waiting' ? { is: 'connecting', attempt: state.attempt + 1 } : state;
    case 'token':
      return state.is === 'stopped' ? { is: 'connecting', attempt: 1 } : state;
  }
}

export const isUp = ({ is }: ConnectionState): boolean => is === 'open' || is === 'leaving';
