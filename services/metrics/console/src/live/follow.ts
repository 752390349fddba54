/** Follows the event stream while there is a token. connection-state.ts decides when it connects. */
import type { HealthAnswer } from '../../../src/health/answer.ts';
import type { HistoryAnswer } from '../../../src/history/history.ts';
import { ApiError, request } from './api.ts';
import { type ConnectionEvent, type ConnectionState, nextState, SILENCE_MS } from './connection-state.ts';
import { createEventParser } from './event-stream.ts';
import { WINDOW_S } from './series-window.ts';
import { deleteToken, saveToken } from './token.ts';

export interface Listener {
  state(state: ConnectionState): void;
  history(answer: HistoryAnswer): void;
  health(answer: HealthAnswer): void;
}

export interface Follower {
  use(token: string): void;
  forget(): void;
  retry(): void;
  token(): string | null;
}

const HISTORY = `history?seconds=${WINDOW_S}&series=http.*,pool.utilisation@*,postgres.*,nats.messages@*,relay.*,sockets.*,workers.*,process.rss@*,process.loop_p99@*,reads.*`;

export function createFollower(listener: Listener): Follower {
  let state: ConnectionState = { is: 'asking', refusal: null };
  let token: string | null = null;
  let attempt: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function dispatch(event: ConnectionEvent): void {
    const before = state;
    state = nextState(state, event);
    if (state === before) return;
    clearTimeout(timer);
    if (state.is === 'waiting') timer = setTimeout(() => dispatch({ type: 'retry' }), state.retryAt - Date.now());
    if (state.is === 'live' || state.is === 'connecting') timer = setTimeout(silent, SILENCE_MS);
    if (state.is !== 'live') attempt?.abort();
    if (state.is === 'asking') {
      token = null;
      deleteToken();
    }
    listener.state(state);
    if (state.is === 'connecting') void connect();
  }

  const silent = () => fail(`no answer for ${SILENCE_MS / 1_000} s`);
  const fail = (reason: string) => dispatch({ type: 'failed', at: Date.now(), reason, jitter: Math.random() });

  async function connect(): Promise<void> {
    const own = new AbortController();
    attempt = own;
    try {
      await follow(token as string, own.signal);
      if (!own.signal.aborted) fail('the service ended the stream');
    } catch (error) {
      if (own.signal.aborted) return;
      if (error instanceof ApiError && error.tokenRefused) dispatch({ type: 'refused', refusal: error.refusal });
      else fail(error instanceof ApiError ? error.message : 'the metrics service cannot be reached');
    }
  }

  async function follow(current: string, signal: AbortSignal): Promise<void> {
    const history = await request(HISTORY, current, signal);
    listener.history((await history.json()) as HistoryAnswer);
    const response = await request('stream', current, signal);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    const parse = createEventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      for (const { event, data } of parse(decoder.decode(value, { stream: true }))) {
        if (event === 'expired') {
          throw new ApiError({ message: 'the token has expired', hint: 'Enter a new one.' }, true);
        }
        if (event !== 'health') continue;
        listener.health(JSON.parse(data) as HealthAnswer);
        dispatch({ type: 'message', at: Date.now() });
      }
    }
  }

  return {
    use(given) {
      token = given;
      saveToken(given);
      attempt?.abort();
      dispatch({ type: 'token' });
    },
    forget: () => dispatch({ type: 'forget' }),
    retry: () => dispatch({ type: 'retry' }),
    token: () => token,
  };
}
