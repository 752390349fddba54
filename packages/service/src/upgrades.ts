/**
 * Requests with an `Upgrade` header. Node detaches its parser from such a connection and passes it to the listeners;
 * without a listener the request is never answered and its socket never closed. Each request ends in one of three ways:
 *
 *    GET, websocket, a registered path   handed to its owner
 *    websocket, any other path           404, closed
 *    any other protocol (h2c, TLS, …)    declined: answered as plain HTTP/1.1 (RFC 9110 §7.8)
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TidemarkError } from '@tidemark/contracts';
import type { BaseApp } from './base-app-type.ts';
import { answerOnSocket } from './client-errors.ts';
import type { Connections } from './connections.ts';
import { httpErrors } from './errors.ts';

/** The owner handles errors of the socket, too; `head` are the bytes that the client sent after its request. */
export type TakeUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

const takersOf = new WeakMap<Server, Map<string, TakeUpgrade>>();
/** Headers that request another protocol (RFC 9110 §7.8, RFC 7540 §3.2.1). */
const UPGRADE_HEADERS = new Set(['upgrade', 'http2-settings']);

export function takeUpgrades(app: BaseApp, path: string, take: TakeUpgrade): void {
  takersOf.get(app.server)?.set(path, take);
}

export function answerUpgrades(
  app: BaseApp,
  connections: Connections,
  refuses: (socket: Socket) => TidemarkError | undefined,
): void {
  const { server } = app;
  const takers = new Map<string, TakeUpgrade>();
  takersOf.set(server, takers);
  // The first listener is Node's own, which attaches a parser. Emitting the event instead would count the connection twice.
  const [parse] = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!asksForWebSocket(request)) {
      socket.unshift(Buffer.concat([withoutUpgrade(request), head]));
      parse?.call(server, socket);
      return;
    }
    const path = request.url?.split('?', 1)[0] ?? '/';
    const take = request.method === 'GET' ? takers.get(path) : undefined;
    const refused = refuses(socket);
    if (refused) answerOnSocket(socket, refused);
    else if (take) {
      connections.upgraded(socket);
      take(request, socket, head);
    } else answerOnSocket(socket, httpErrors.NO_WEBSOCKET({ path, paths: [...takers.keys()] }));
  });
}

function asksForWebSocket({ headers }: IncomingMessage): boolean {
  const protocols = headers.upgrade?.toLowerCase().split(',') ?? [];
  return protocols.some((protocol) => protocol.trim() === 'websocket');
}

/** A parser reads the head again, without the headers that request another protocol. */
function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    let value = rawHeaders[at + 1] as string;
    if (UPGRADE_HEADERS.has(name)) continue;
    if (name === 'connection') {
      const options = value.split(',').map((option) => option.trim());
      value = options.filter((option) => !UPGRADE_HEADERS.has(option.toLowerCase())).join(', ');
      if (value === '') continue;
    }
    text += `${rawHeaders[at]}: ${value}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}
