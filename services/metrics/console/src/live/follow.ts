/** Follows topics of the event stream with one token. connection-state.ts decides when it connects. */
import { ApiError, request } from './api.ts';
import { type ConnectionEvent, type ConnectionState, nextState, SILENCE_MS } from './connection-state.ts';
import { createEventParser } from './event-stream.ts';

export interface Listener {
  state(state: ConnectionState): void;
  topic(name: string, data: unknown): void;
}

export interface Follower {
  /** None: the stream is closed, and the state stays as it is. */
  want(topics: readonly string[]): void;
  retry(): void;
  stop(): void;
}

export function createFollower(api: string, token: string, listener: Listener): Follower {
  let state: ConnectionState = { is: 'asking', refusal: null };
  let topics: readonly string[] = [];
  let attempt: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function dispatch(event: ConnectionEvent): void {
    const before = state;
    state = nextState(state, event);
    if (state === before) return;
    schedule();
    if (state.is !== 'live') attempt?.abort();
    if (before.is !== 'live' || state.is !== 'live') listener.state(state);
    if (state.is === 'connecting') void connect();
  }

  function schedule(): void {
    clearTimeout(timer);
    if (topics.length === 0) return;
    if (state.is === 'waiting') timer = setTimeout(() => dispatch({ type: 'retry' }), state.retryAt - Date.now());
    if (state.is === 'live' || state.is === 'connecting') timer = setTimeout(silent, SILENCE_MS);
  }

  const silent = () => fail(`no answer for ${SILENCE_MS / 1_000} s`);
  const fail = (reason: string) => dispatch({ type: 'failed', at: Date.now(), reason, jitter: Math.random() });

  async function connect(): Promise<void> {
    attempt?.abort();
    const own = new AbortController();
    attempt = own;
    try {
      await follow(own.signal);
      if (!own.signal.aborted) fail('the service ended the stream');
    } catch (error) {
      if (own.signal.aborted) return;
      if (error instanceof ApiError && error.tokenRefused) dispatch({ type: 'refused', refusal: error.refusal });
      else fail(error instanceof ApiError ? error.message : 'the metrics service cannot be reached');
    }
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const response = await request(`${api}stream?topics=${topics.join()}`, { token, signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    const parse = createEventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      for (const { event, data } of parse(decoder.decode(value, { stream: true }))) {
        if (event === 'expired') {
          throw new ApiError({ message: 'the token has expired', hint: 'Enter a new one.' }, 401);
        }
        listener.topic(event, JSON.parse(data));
        dispatch({ type: 'message', at: Date.now() });
      }
    }
  }

  return {
    want(wanted) {
      const isSame = wanted.length === topics.length && wanted.every((name) => topics.includes(name));
      if (isSame) return;
      topics = wanted;
      if (topics.length === 0) {
        clearTimeout(timer);
        attempt?.abort();
      } else if (state.is === 'asking') dispatch({ type: 'token' });
      else {
        // A tab that comes back, or opens another page, does not make the figures of the others look lost.
        schedule();
        if (state.is !== 'waiting') void connect();
      }
    },
    retry: () => dispatch({ type: 'retry' }),
    stop() {
      clearTimeout(timer);
      attempt?.abort();
    },
  };
}
