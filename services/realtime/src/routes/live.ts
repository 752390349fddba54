/**
 * `GET /live`: upgraded to a WebSocket, or, with `?query=…`, an event stream of one live query. A token may come as
 * Authorization, as apikey (header or query), or, on a WebSocket, in `auth`.
 */
import websocket from '@fastify/websocket';
import { LIVE_SUBPROTOCOL } from '@tidemark/contracts';
import { type BaseApp, tokenOf } from '@tidemark/service';
import { Type } from 'typebox';
import type { Sockets } from '../sockets/sockets.ts';
import type { EventStreams, LiveQuerystring } from '../sse/event-streams.ts';

const Querystring = Type.Object({
  query: Type.Optional(Type.String({ minLength: 1, maxLength: 8_192 })),
  profile: Type.Optional(Type.String({ maxLength: 63 })),
  snapshot: Type.Optional(Type.Boolean()),
  mode: Type.Optional(Type.Enum(['every', 'latest'])),
  after: Type.Optional(Type.String({ maxLength: 64 })),
  apikey: Type.Optional(Type.String()),
});

export function liveRoutes(app: BaseApp, sockets: Sockets, streams: EventStreams, maxPayload: number): void {
  app.register(websocket, {
    options: {
      maxPayload,
      // Costs 300 KB a socket, and a frame could no longer be made once for all.
      perMessageDeflate: false,
      handleProtocols: (protocols: Set<string>) => (protocols.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
    },
  });
  app.register(async (scope) => {
    scope.route<{ Querystring: LiveQuerystring }>({
      method: 'GET',
      url: '/live',
      config: { endless: true },
      schema: { querystring: Querystring },
      handler: (request, reply) => streams.accept(request, reply),
      wsHandler: (socket, request) => {
        const { authorization, apikey, 'sec-websocket-protocol': offered } = request.headers;
        const query = request.query.apikey;
        sockets.accept(socket, request.raw.socket, offered, () => tokenOf({ authorization, apikey: apikey ?? query }));
      },
    });
  });
}
