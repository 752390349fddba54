/** Follows the stream of health answers for as long as there is a token; see connection-state.ts for the life of it. */
import type { HealthAnswer } from '../../../src/health/answer.ts';
import type { HistoryAnswer } from '../../../src/history/history.ts';
import { ask, Refused } from './api.ts';
import { type ConnectionEvent, type ConnectionState, next, SILENCE_MS } from './connection-state.ts';
import { createEventParser } from './event-stream.ts';
import { RECENT_SECONDS } from './recent.ts';
import { forgetToken, keepToken } from './token.ts';

export interface Listener {
  state(state: ConnectionState): void;
  history(answer: HistoryAnswer): void;
  health(answer: HealthAnswer): void;
}

export interface Follower {
  use(token: string): void;
  forget(): void;
  /** Now, instead of when the wait is over. */
  retry(): void;
  token(): string | null;
}

/** The series that the page draws: all of them, in one request of about a hundred short numbers each. */
const HISTORY = `history?seconds=${RECENT_SECONDS}&series=http.*,pool.utilisation@*,postgres.*,nats.messages@*,relay.*,sockets.*,workers.*,process.rss@*,process.loop_p99@*,reads.*`;

export function createFollower(listener: Listener): Follower {
  let state: ConnectionState = { is: 'asking', refusal: null };
  let token: string | null = null;
  let attempt: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function happen(event: ConnectionEvent): void {
    const before = state;
    state = next(state, event);
    if (state === before) return;
    clearTimeout(timer);
    if (state.is === 'waiting') timer = setTimeout(() => happen({ type: 'retry' }), state.retryAt - Date.now());
    if (state.is === 'live' || state.is === 'connecting') timer = setTimeout(silent, SILENCE_MS);
    if (state.is !== 'live') attempt?.abort();
    if (state.is === 'asking') {
      token = null;
      forgetToken();
    }
    listener.state(state);
    if (state.is === 'connecting') void connect();
  }

  const silent = () => fail(`no answer for ${SILENCE_MS / 1_000} s`);
  const fail = (reason: string) => happen({ type: 'failed', at: Date.now(), reason, jitter: Math.random() });

  async function connect(): Promise<void> {
    const own = new AbortController();
    attempt = own;
    try {
      await follow(token as string, own.signal);
      if (!own.signal.aborted) fail('the service ended the stream');
    } catch (error) {
      if (own.signal.aborted) return;
      if (error instanceof Refused && error.token) happen({ type: 'refused', refusal: error.refusal });
      else fail(error instanceof Refused ? error.message : 'the metrics service cannot be reached');
    }
  }

  async function follow(current: string, signal: AbortSignal): Promise<void> {
    const history = await ask(HISTORY, current, signal);
    listener.history((await history.json()) as HistoryAnswer);
    const response = await ask('stream', current, signal);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    const parse = createEventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      for (const { event, data } of parse(decoder.decode(value, { stream: true }))) {
        if (event === 'expired') {
          throw new Refused({ message: 'the token has expired', hint: 'Enter a new one.' }, true);
        }
        if (event !== 'health') continue;
        listener.health(JSON.parse(data) as HealthAnswer);
        happen({ type: 'message', at: Date.now() });
      }
    }
  }

  return {
    use(given) {
      token = given;
      keepToken(given);
      attempt?.abort();
      happen({ type: 'token' });
    },
    forget: () => happen({ type: 'forget' }),
    retry: () => happen({ type: 'retry' }),
    token: () => token,
  };
}
