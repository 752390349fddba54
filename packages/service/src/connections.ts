/**
 * The connections of a server: how many requests are being answered, and an end that does not wait for those who say nothing.
 *
 *   silent ──request──► answering(n) ──answers──► silent
 *      │                     └──event stream──► streaming(n) ──end──► silent
 *      └──WebSocket──► upgraded, until it closes
 *
 * Event streams and upgraded connections last for hours and cost little: they are no requests in flight, so that
 * REQUESTS_MAX does not refuse requests because viewers are connected.
 *
 * Closing ends each connection once it is silent. Node's own `closeIdleConnections` passes over those that never sent
 * anything (it takes them for slow senders), and those whose last answer came after it; a browser keeps both for a minute.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { BaseApp } from './base-app-type.ts';

export interface Connections {
  /** A request's head is there. */
  began(request: IncomingMessage): void;
  /** Its answer has been handed to the system. */
  ended(request: IncomingMessage): void;
  /** The answer that has begun is an event stream. Call it once for a request, before `ended`. */
  streaming(request: IncomingMessage): void;
  /** The connection has left HTTP. */
  upgraded(socket: Socket): void;
  inFlight(): number;
  streams(): number;
  upgradedOpen(): number;
  open(): number;
  /** Connections are being ended: nothing new is begun on them. */
  closing(): boolean;
}

const ANSWERING = Symbol('answering');
const STREAMING = Symbol('streaming');

interface Tracked extends Socket {
  /** Requests that are being answered, event streams included. */
  [ANSWERING]?: number;
  [STREAMING]?: number;
}

export function trackConnections(app: BaseApp): Connections {
  /** As many as the server accepts. */
  const sockets = new Set<Tracked>();
  let inFlight = 0;
  let streams = 0;
  let upgraded = 0;
  let closing = false;

  function track(socket: Tracked): void {
    socket[ANSWERING] = 0;
    socket[STREAMING] = 0;
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      // Answers that were cut off.
      inFlight -= (socket[ANSWERING] ?? 0) - (socket[STREAMING] ?? 0);
      streams -= socket[STREAMING] ?? 0;
      socket[ANSWERING] = 0;
      socket[STREAMING] = 0;
    });
  }

  app.server.on('connection', track);
  app.addHook('preClose', (done) => {
    closing = true;
    for (const socket of sockets) if (socket[ANSWERING] === 0) socket.destroySoon();
    done();
  });

  return {
    began({ socket }) {
      const tracked = socket as Tracked;
      if (tracked[ANSWERING] === undefined) {
        // An injected request has no connection, so nobody would tell of its abort.
        if (!(socket instanceof Socket)) return;
        // Of the second server that fastify opens where `localhost` has two addresses.
        track(tracked);
      }
      tracked[ANSWERING] = (tracked[ANSWERING] ?? 0) + 1;
      inFlight += 1;
    },
    ended({ socket }) {
      const tracked = socket as Tracked;
      if (!tracked[ANSWERING]) return;
      tracked[ANSWERING] -= 1;
      // A connection answers one request after another, so what ends first is the stream.
      if (tracked[STREAMING]) {
        tracked[STREAMING] -= 1;
        streams -= 1;
      } else inFlight -= 1;
      if (closing && tracked[ANSWERING] === 0) tracked.destroySoon();
    },
    streaming({ socket }) {
      const tracked = socket as Tracked;
      if (!tracked[ANSWERING] || (tracked[STREAMING] ?? 0) >= tracked[ANSWERING]) return;
      tracked[STREAMING] = (tracked[STREAMING] ?? 0) + 1;
      streams += 1;
      inFlight -= 1;
    },
    upgraded(socket) {
      upgraded += 1;
      socket.once('close', () => {
        upgraded -= 1;
      });
    },
    inFlight: () => inFlight,
    streams: () => streams,
    upgradedOpen: () => upgraded,
    open: () => sockets.size,
    closing: () => closing,
  };
}
