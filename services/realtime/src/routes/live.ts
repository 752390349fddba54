/** `GET /live`, upgraded to a WebSocket. A token may come as Authorization, as apikey (header or query), or in `auth`. */
import websocket from '@fastify/websocket';
import { LIVE_SUBPROTOCOL } from '@tidemark/contracts';
import { type BaseApp, tokenOf } from '@tidemark/service';
import type { Sockets } from '../sockets/sockets.ts';

export function liveRoutes(app: BaseApp, sockets: Sockets, maxPayload: number): void {
  app.register(websocket, {
    options: {
      maxPayload,
      // Costs 300 KB a socket, and a frame could no longer be made once for all.
      perMessageDeflate: false,
      handleProtocols: (protocols: Set<string>) => (protocols.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
    },
  });
  app.register(async (scope) => {
    scope.get('/live', { websocket: true }, (socket, request) => {
      const { authorization, apikey, 'sec-websocket-protocol': offered } = request.headers;
      const query = (request.query as { apikey?: string | string[] }).apikey;
      sockets.accept(socket, request.raw.socket, offered, () => tokenOf({ authorization, apikey: apikey ?? query }));
    });
  });
}
