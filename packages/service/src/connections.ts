/**
 * The connections of a server: the number of requests in flight, and a close that does not wait for idle clients.
 *
 *    silent ──request──► answering(n) ──responses──► silent
 *       │                     └──event stream──► streaming(n) ──end──► silent
 *       └──WebSocket──► upgraded, until it closes
 *
 * Event streams and upgraded connections last for hours and cost little. They are not requests in flight, so that
 * REQUESTS_MAX does not refuse requests because viewers are connected.
 *
 * Closing ends each connection as soon as it is silent. Node's `closeIdleConnections` skips connections that never sent
 * anything (it counts them as slow senders), and those whose last response ended after the call; a browser keeps both for a
 * minute.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { BaseApp } from './base-app-type.ts';

export interface Connections {
  began(request: IncomingMessage): void;
  /** Called when the response has been handed to the system. */
  ended(request: IncomingMessage): void;
  /** Called once for a request whose response is an event stream, before `ended`. */
  streaming(request: IncomingMessage): void;
  /** Called when the connection has left HTTP. */
  upgraded(socket: Socket): void;
  inFlight(): number;
  streams(): number;
  upgradedOpen(): number;
  open(): number;
  closing(): boolean;
}

const ANSWERING = Symbol('answering');
const STREAMING = Symbol('streaming');

interface Tracked extends Socket {
  /** Requests being answered, including event streams. */
  [ANSWERING]?: number;
  [STREAMING]?: number;
}

export function trackConnections(app: BaseApp): Connections {
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
      // Responses that were cut off.
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
        // An injected request has no connection, so nothing would report its abort.
        if (!(socket instanceof Socket)) return;
        // Fastify opens a second server where `localhost` has two addresses.
        track(tracked);
      }
      tracked[ANSWERING] = (tracked[ANSWERING] ?? 0) + 1;
      inFlight += 1;
    },
    ended({ socket }) {
      const tracked = socket as Tracked;
      if (!tracked[ANSWERING]) return;
      tracked[ANSWERING] -= 1;
      // The stream ends before the next request of its connection.
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
