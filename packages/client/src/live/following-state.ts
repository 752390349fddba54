/**
 * The life of one live query, as a pure state machine.
 *
 *   off ──up──► asking ──subscribed──► filling ──filled──► following
 *    ▲            │  ▲                    │                    │
 *    └── down ────┴──│────────────────────┴────────────────────┤
 *                 retry ◄──────── resting ◄── resync, refused ──┘     (an error that says retry: false ──► failed)
 *
 * `from` says how the next `subscribe` begins: with a snapshot, behind the last position that was applied, or with what
 * comes from now on. A resync always costs the position.
 */
import type { TidemarkError } from '../errors.ts';
import { waitBefore } from './backoff.ts';

export type Beginning = 'snapshot' | 'position' | 'now';

export type FollowingState =
  /** The socket is not open. */
  | { is: 'off'; from: Beginning; attempt: number }
  | { is: 'asking'; from: Beginning; attempt: number }
  /** The snapshot comes in. */
  | { is: 'filling'; attempt: number }
  | { is: 'following'; from: Beginning; attempt: number }
  | { is: 'resting'; from: Beginning; attempt: number; retryAt: number; reason: string }
  | { is: 'failed'; error: TidemarkError }
  | { is: 'closed' };

export type FollowingEvent =
  | { type: 'up' }
  | { type: 'down' }
  | { type: 'subscribed' }
  /** The snapshot is here; `placed`: with the position behind it. */
  | { type: 'filled'; placed: boolean }
  /** Changes were applied, or a snapshot was given its position: the next beginning is behind them. */
  | { type: 'applied' }
  /** It has followed for a while: what went wrong before is forgotten. */
  | { type: 'settled' }
  | { type: 'resync'; at: number; reason: string; jitter: number }
  | { type: 'refused'; at: number; error: TidemarkError; jitter: number }
  | { type: 'retry' }
  /** What is held was seen by another identity. */
  | { type: 'forget' }
  /** The connection is refused, and nothing is followed until somebody asks anew. */
  | { type: 'stopped'; error: TidemarkError }
  | { type: 'close' };

/** @param afresh how it begins where no position is known: `now` for one that wants no snapshot */
export function nextFollowing(
  state: FollowingState,
  event: FollowingEvent,
  afresh: 'snapshot' | 'now',
): FollowingState {
  if (state.is === 'closed') return state;
  if (event.type === 'close') return { is: 'closed' };
  if (state.is === 'failed') return state;
  switch (event.type) {
    case 'up':
      return state.is === 'off' ? { is: 'asking', from: state.from, attempt: state.attempt } : state;
    case 'down':
      if (state.is === 'filling') return { is: 'off', from: afresh, attempt: state.attempt };
      return { is: 'off', from: state.from, attempt: state.attempt };
    case 'subscribed':
      if (state.is !== 'asking') return state;
      if (state.from === 'snapshot') return { is: 'filling', attempt: state.attempt };
      return { is: 'following', from: state.from, attempt: state.attempt };
    case 'filled':
      if (state.is !== 'filling') return state;
      return { is: 'following', from: event.placed ? 'position' : afresh, attempt: state.attempt };
    case 'applied':
      return state.is === 'following' ? { is: 'following', from: 'position', attempt: state.attempt } : state;
    case 'settled':
      return state.is === 'following' ? { is: 'following', from: state.from, attempt: 0 } : state;
    case 'resync':
      if (state.is !== 'asking' && state.is !== 'filling' && state.is !== 'following') return state;
      return rest(afresh, state.attempt, event.at, event.reason, event.jitter);
    case 'refused': {
      if (state.is !== 'asking' && state.is !== 'filling' && state.is !== 'following') return state;
      if (!event.error.retry) return { is: 'failed', error: event.error };
      const from = state.is === 'filling' ? afresh : state.from;
      return rest(from, state.attempt, event.at, event.error.message, event.jitter);
    }
    case 'forget':
      return { is: 'off', from: afresh, attempt: 0 };
    case 'stopped':
      return { is: 'failed', error: event.error };
    case 'retry':
      return state.is === 'resting' ? { is: 'asking', from: state.from, attempt: state.attempt } : state;
  }
}

/** The first time at once: after a gap, rows that are old are shown. */
function rest(from: Beginning, attempt: number, at: number, reason: string, jitter: number): FollowingState {
  const wait = attempt === 0 ? 0 : waitBefore(attempt, jitter);
  return { is: 'resting', from, attempt: attempt + 1, retryAt: at + wait, reason };
}
