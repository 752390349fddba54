/**
 * One event stream for all tabs with the same token. It has the topics that the visible tabs want, and is closed while none is
 * visible. A SharedWorker runs it; where the browser has none, each tab runs its own.
 */
import type { ConnectionState } from './connection-state.ts';
import { createFollower, type Follower } from './follow.ts';
import { FORGET_MS, type Port, type TabMessage } from './messages.ts';

interface Tab {
  stream: Stream;
  topics: readonly string[];
  heardAt: number;
}

interface Stream {
  key: string;
  follower: Follower;
  state: ConnectionState | undefined;
  /** The newest value of each topic, for a tab that wants it later. */
  topics: Map<string, { data: unknown; at: number }>;
}

export interface Hub {
  receive(port: Port, message: TabMessage): void;
  /** Forgets tabs that have closed without a word. */
  sweep(now: number): void;
}

export function createHub(): Hub {
  const tabs = new Map<Port, Tab>();
  const streams = new Map<string, Stream>();

  const tabsOf = (stream: Stream) => [...tabs].filter(([, tab]) => tab.stream === stream);

  function open(api: string, token: string): Stream {
    const key = `${api} ${token}`;
    const known = streams.get(key);
    if (known) return known;
    const follower = createFollower(api, token, {
      state(state) {
        stream.state = state;
        for (const [port] of tabsOf(stream)) port.postMessage({ type: 'state', state });
        // A refused token is asked for again in the tabs; the stream is of no use any more.
        if (state.is === 'asking') close(stream);
      },
      topic(name, data) {
        const value = { data, at: Date.now() };
        stream.topics.set(name, value);
        for (const [port, tab] of tabsOf(stream)) {
          if (tab.topics.includes(name)) port.postMessage({ type: 'topic', name, ...value });
        }
      },
    });
    const stream: Stream = { key, follower, state: undefined, topics: new Map() };
    streams.set(key, stream);
    return stream;
  }

  function close(stream: Stream): void {
    stream.follower.stop();
    streams.delete(stream.key);
    for (const [port] of tabsOf(stream)) tabs.delete(port);
  }

  function refresh(stream: Stream): void {
    const all = tabsOf(stream);
    if (all.length === 0) close(stream);
    else stream.follower.want([...new Set(all.flatMap(([, tab]) => tab.topics))].sort());
  }

  function leave(port: Port): void {
    const tab = tabs.get(port);
    if (!tab) return;
    tabs.delete(port);
    refresh(tab.stream);
  }

  return {
    receive(port, message) {
      if (message.type === 'leave') return leave(port);
      const known = tabs.get(port);
      if (message.type === 'retry') return known?.stream.follower.retry();
      const stream = open(message.api, message.token);
      if (known && known.stream !== stream) leave(port);
      const before = known?.stream === stream ? known.topics : [];
      tabs.set(port, { stream, topics: message.topics, heardAt: Date.now() });
      if (known?.stream !== stream && stream.state) port.postMessage({ type: 'state', state: stream.state });
      for (const name of message.topics) {
        const value = stream.topics.get(name);
        if (value && !before.includes(name)) port.postMessage({ type: 'topic', name, ...value });
      }
      refresh(stream);
    },
    sweep(now) {
      for (const [port, { heardAt }] of tabs) if (now - heardAt > FORGET_MS) leave(port);
    },
  };
}
