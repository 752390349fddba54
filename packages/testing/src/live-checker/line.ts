import { get } from 'node:http';
import { LIVE_SUBPROTOCOL, type ServerFrame } from '@tidemark/contracts';
import { WebSocket } from 'ws';

export interface Line {
  send(frame: object): void;
  /** Closes the connection; `onEnd` follows. */
  cut(): void;
}

export interface LineEvents {
  onFrame(frame: ServerFrame & { more?: boolean }): void;
  onEnd(): void;
}

export interface StreamOrder {
  readonly query: string;
  readonly mode: string;
  readonly after: string | undefined;
}

const CONNECT_MS = 5_000;

const bearer = (token: string | undefined) => (token === undefined ? {} : { authorization: `Bearer ${token}` });

export function openSocket(url: string, token: string | undefined, { onFrame, onEnd }: LineEvents): Line {
  const ws = new WebSocket(`${url}/live`, LIVE_SUBPROTOCOL, { handshakeTimeout: CONNECT_MS, headers: bearer(token) });
  ws.on('message', (data) => onFrame(JSON.parse(String(data)) as ServerFrame));
  // `close` follows every error, here and below.
  ws.on('error', () => {});
  ws.on('close', onEnd);
  return {
    send(frame) {
      if (ws.readyState === WebSocket.OPEN) ws.send(JSON.stringify(frame));
    },
    cut: () => ws.terminate(),
  };
}

/** A refusal (a status with a problem document) becomes the frame that a socket would get. */
export function openEvents(
  url: string,
  token: string | undefined,
  { query, mode, after }: StreamOrder,
  { onFrame, onEnd }: LineEvents,
): Line {
  const where = `${url.replace('ws', 'http')}/live?query=${encodeURIComponent(query)}&mode=${mode}`;
  const headers = { ...bearer(token), ...(after === undefined ? {} : { 'last-event-id': after }) };
  const request = get(where, { headers, timeout: CONNECT_MS, agent: false });
  let text = '';
  let isAnswered = false;
  request.on('response', (response) => {
    isAnswered = true;
    request.setTimeout(0);
    const isProblem = response.statusCode !== 200;
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      text += part;
      if (!isProblem) events();
    });
    response.on('end', () => {
      if (isProblem) refused(response.statusCode ?? 0);
    });
    response.on('error', () => {});
    response.on('close', onEnd);
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => {});
  request.on('close', () => {
    if (!isAnswered) onEnd();
  });

  function events(): void {
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = text
        .slice(0, end)
        .split('\n')
        .find((line) => line.startsWith('data: '));
      text = text.slice(end + 2);
      if (data) onFrame(JSON.parse(data.slice('data: '.length)) as ServerFrame);
    }
  }

  function refused(status: number): void {
    const code = /"code":"([^"]+)"/.exec(text)?.[1] ?? String(status);
    const retry = status === 429 || status >= 500;
    onFrame({ op: 'error', code, message: text, retry } as ServerFrame);
  }

  return {
    send() {},
    cut: () => request.destroy(),
  };
}
