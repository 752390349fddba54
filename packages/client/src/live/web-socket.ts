/** The part of the WHATWG WebSocket interface that the client uses, for the classes of browsers, Node 22 and `ws`. */
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

export function webSocketClass(given: unknown): WebSocketClass {
  const found = given ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found === 'function') return found as WebSocketClass;
  throw new TidemarkError({
    code: 'CLIENT_NO_WEBSOCKET',
    message: 'this runtime has no WebSocket',
    hint: "Pass one: import { WebSocket } from 'ws'; createClient(url, { WebSocket }). Node 22 and later have their own.",
  });
}

/** Returns the error for a WebSocket that could not be created: no class, or an invalid URL. */
export function openingProblem(cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const hint = 'Pass the gateway’s address, such as http://127.0.0.1:8080.';
  return new TidemarkError({ code: 'CLIENT_URL_INVALID', message: (cause as Error).message, hint }, { cause });
}
