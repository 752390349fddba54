/** The tab's side of the stream that the tabs share. */

import { PERFORMANCE_API } from './api.ts';
import type { ConnectionState } from './connection-state.ts';
import { createHub } from './hub.ts';
import { type HubMessage, type Port, REPEAT_MS, type TabMessage } from './messages.ts';

export interface StreamListener {
  state(state: ConnectionState): void;
  topic(name: string, data: unknown, at: number): void;
}

export interface SharedStream {
  /** Follows the topics while the tab is visible; a null token leaves. */
  follow(token: string | null, topics: readonly string[]): void;
  retry(): void;
}

export function openSharedStream(listener: StreamListener): SharedStream {
  let token: string | null = null;
  let topics: readonly string[] = [];
  const hear = (message: HubMessage) => {
    if (message.type === 'state') listener.state(message.state);
    else listener.topic(message.name, message.data, message.at);
  };
  let send = connect(hear, () => {
    send = ownHub(hear);
    want();
  });

  function want(): void {
    if (token === null) return;
    send({ type: 'want', api: PERFORMANCE_API, token, topics: document.hidden ? [] : topics });
  }
  document.addEventListener('visibilitychange', want);
  addEventListener('pagehide', () => send({ type: 'leave' }));
  // A page that the browser has kept comes back as it was.
  addEventListener('pageshow', want);
  setInterval(want, REPEAT_MS);

  return {
    follow(given, wanted) {
      token = given;
      topics = wanted;
      if (token === null) send({ type: 'leave' });
      else want();
    },
    retry: () => send({ type: 'retry' }),
  };
}

type Send = (message: TabMessage) => void;

/** @param failed the worker's file cannot be loaded */
function connect(hear: (message: HubMessage) => void, failed: () => void): Send {
  if (typeof SharedWorker === 'undefined') return ownHub(hear);
  const worker = new SharedWorker(new URL('./stream-worker.ts', import.meta.url), {
    type: 'module',
    name: 'tidemark-console',
  });
  worker.onerror = failed;
  worker.port.onmessage = ({ data }: MessageEvent<HubMessage>) => hear(data);
  return (message) => worker.port.postMessage(message);
}

function ownHub(hear: (message: HubMessage) => void): Send {
  const hub = createHub();
  const port: Port = { postMessage: hear };
  return (message) => hub.receive(port, message);
}
