/**
 * The states of one live query, as a pure state machine.
 *
 *   off ──up──► asking ──subscribed──► filling ──filled──► following
 *    ▲            │  ▲                    │                    │
 *    └── down ────┴──│────────────────────┴────────────────────┤
 *                 retry ◄──────── waiting ◄── resync, refused ──┘     (an error with retry: false ──► failed)
 *
 * `from` says how the next `subscribe` begins: with a snapshot, after the last applied position, or with new changes only. A
 * resync discards the position.
 */
import type { TidemarkError } from '../errors.ts';
import { waitBefore } from './backoff.ts';

export type Beginning = 'snapshot' | 'position' | 'now';

export type FollowingState =
  | { is: 'off'; from: Beginning; attempt: number }
  | { is: 'asking'; from: Beginning; attempt: number }
  | { is: 'filling'; attempt: number }
  | { is: 'following'; from: Beginning; attempt: number }
  | { is: 'waiting'; from: Beginning; attempt: number; retryAt: number; reason: string }
  | { is: 'failed'; error: TidemarkError }
  | { is: 'closed' };

export type FollowingEvent =
  | { type: 'up' }
  | { type: 'down' }
  | { type: 'subscribed' }
  /** The snapshot is complete; `placed` says whether it came with a position. */
  | { type: 'filled'; placed: boolean }
  /** Changes were applied, or a snapshot received its position: the next subscribe resumes after them. */
  | { type: 'applied' }
  /** The query has been followed for a while: the backoff starts again. */
  | { type: 'settled' }
  | { type: 'resync'; at: number; reason: string; jitter: number }
  | { type: 'refused'; at: number; error: TidemarkError; jitter: number }
  | { type: 'retry' }
  /** The token belongs to another identity now: the rows held are discarded. */
  | { type: 'forget' }
  | { type: 'stopped'; error: TidemarkError }
  | { type: 'close' };

/** `afresh` is `now` if the query wants no snapshot. */
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
      return state.is === 'waiting' ? { is: 'asking', from: state.from, attempt: state.attempt } : state;
  }
}

/** The first retry is immediate, because the application shows stale rows after a gap. */
function rest(from: Beginning, attempt: number, at: number, reason: string, jitter: number): FollowingState {
  const wait = attempt === 0 ? 0 : waitBefore(attempt, jitter);
  return { is: 'waiting', from, attempt: attempt + 1, retryAt: at + wait, reason };
}
