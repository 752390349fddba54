/** The part of the WHATWG WebSocket that is used: the browser's, Node's (22 and later), or that of `ws`. */
import { TidemarkError } from '../errors.ts';

export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** @throws TidemarkError CLIENT_NO_WEBSOCKET in a runtime without one */
export function webSocketClass(given: unknown): WebSocketClass {
  const found = given ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found === 'function') return found as WebSocketClass;
  throw new TidemarkError({
    code: 'CLIENT_NO_WEBSOCKET',
    message: 'this runtime has no WebSocket',
    hint: "Give one: import { WebSocket } from 'ws'; createClient(url, { WebSocket }). Node has its own from version 22 on.",
  });
}

/** Why no WebSocket could even be tried: there is none, or the URL is none. */
export function openingProblem(cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const hint = 'Give the gateway’s address, such as http://127.0.0.1:8080.';
  return new TidemarkError({ code: 'CLIENT_URL_INVALID', message: (cause as Error).message, hint }, { cause });
}
