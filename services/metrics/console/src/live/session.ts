/** The state of the stream in this tab: its connection, the newest topics, and whether the display is paused. */
import { useEffect, useState } from 'preact/hooks';
import type { TopicName, TopicValues } from '../../../src/stream/topics.ts';
import { ApiError } from './api.ts';
import type { ConnectionState, Refusal } from './connection-state.ts';
import { openSharedStream } from './shared-stream.ts';
import { deleteToken, loadToken, saveToken } from './token.ts';

type Listener = () => void;
interface Received {
  value: unknown;
  /** ms since 1970, by the clock of this browser. */
  at: number;
}

const ASKING: ConnectionState = { is: 'asking', refusal: null };
let state: ConnectionState = ASKING;
let token: string | null = null;
let wanted: readonly TopicName[] = ['status'];
let paused = false;
const topics = new Map<string, Received>();
/** Topics that arrived while the display was paused. */
const held = new Map<string, Received>();
const listeners = new Map<string, Set<Listener>>();

function tell(name: string): void {
  for (const listener of listeners.get(name) ?? []) listener();
}

function listen(name: string, listener: Listener): () => void {
  const all = listeners.get(name) ?? new Set();
  listeners.set(name, all.add(listener));
  return () => void all.delete(listener);
}

function setState(next: ConnectionState): void {
  state = next;
  if (state.is === 'asking') {
    token = null;
    topics.clear();
    held.clear();
    stream.follow(null, []);
    if (state.refusal !== null) deleteToken();
  }
  tell('connection');
}

const stream = openSharedStream({
  state: setState,
  topic(name, value, at) {
    if (paused && name !== 'status') held.set(name, { value, at });
    else {
      topics.set(name, { value, at });
      tell(name);
    }
    if (state.is !== 'live') setState({ is: 'live', lastAt: at });
  },
});

export const session = {
  token: () => token,
  use(given: string): void {
    token = given;
    saveToken(given);
    topics.clear();
    setState({ is: 'connecting', attempt: 1, lostSince: null, reason: null });
    stream.follow(token, wanted);
  },
  /** Takes the token or the code of the address, or the token that this tab has kept. */
  async resume(): Promise<void> {
    try {
      const kept = await loadToken();
      if (kept !== null && kept !== token) session.use(kept);
    } catch (error) {
      session.refuse(error instanceof ApiError ? error.refusal : { message: (error as Error).message, hint: null });
    }
  },
  forget(): void {
    deleteToken();
    setState(ASKING);
  },
  refuse(refusal: Refusal): void {
    setState({ is: 'asking', refusal });
  },
  retry: () => stream.retry(),
  /** Follows `status` and these topics. */
  want(names: readonly TopicName[]): void {
    wanted = ['status', ...names];
    if (token !== null) stream.follow(token, wanted);
  },
  pause(on: boolean): void {
    paused = on;
    if (!paused) {
      for (const [name, received] of held) {
        topics.set(name, received);
        tell(name);
      }
      held.clear();
    }
    tell('paused');
  },
  isPaused: () => paused,
};

/** Renders again when `read` of what `name` tells about has changed. */
function useTold<T>(name: string, read: () => T): T {
  const [value, setValue] = useState(read);
  useEffect(() => {
    setValue(read);
    return listen(name, () => setValue(read));
  }, [name]);
  return value;
}

export const useConnection = (): ConnectionState => useTold('connection', () => state);
export const usePaused = (): boolean => useTold('paused', () => paused);

/** Returns the newest value of a topic, and when it came; undefined before the first one. */
export function useTopic<K extends TopicName>(name: K): { value: TopicValues[K]; at: number } | undefined {
  return useTold(name, () => topics.get(name) as { value: TopicValues[K]; at: number } | undefined);
}
