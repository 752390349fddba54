/** The token may also be in the query, as apikey, for browsers that cannot send headers. */
import { LIVE_SUBPROTOCOL } from '@tidemark/contracts';
import { answerOnSocket, type BaseApp, networkOf, takeUpgrades, tokenOf } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { WebSocketServer } from 'ws';
import type { Admission } from '../sockets/admission.ts';
import type { Sockets } from '../sockets/sockets.ts';
import type { EventStreams, LiveQuerystring } from '../sse/event-streams.ts';

const Querystring = Type.Object({
  query: Type.Optional(Type.String({ minLength: 1 })),
  profile: Type.Optional(Type.String({ maxLength: 63 })),
  snapshot: Type.Optional(Type.Boolean()),
  mode: Type.Optional(Type.Enum(['every', 'latest'])),
  after: Type.Optional(Type.String({ maxLength: 64 })),
  apikey: Type.Optional(Type.String()),
});

export interface LiveRouteOptions {
  sockets: Sockets;
  streams: EventStreams;
  admission: Admission;
  maxPayload: number;
}

async function live(app: BaseApp, { sockets, streams, admission, maxPayload }: LiveRouteOptions): Promise<void> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload,
    // Compression costs 300 KB per socket, and each frame would be built for each socket.
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
  });
  takeUpgrades(app, '/live', (request, socket, head) => {
    const address = admission.addressOf(request);
    const refused = admission.refusesOpening(networkOf(address));
    if (refused) return answerOnSocket(socket, refused);
    const { authorization, apikey, 'sec-websocket-protocol': offered } = request.headers;
    const inQuery = new URLSearchParams(request.url?.split('?')[1]).get('apikey') ?? undefined;
    const given = { authorization, apikey: apikey ?? inQuery };
    const hasToken = authorization !== undefined || given.apikey !== undefined;
    server.handleUpgrade(request, socket, head, (ws) => {
      sockets.accept({ ws, raw: socket, offered, address, hasToken, token: () => tokenOf(given) });
    });
  });
  app.route<{ Querystring: LiveQuerystring }>({
    method: 'GET',
    url: '/live',
    config: { endless: true },
    schema: { querystring: Querystring },
    handler: (request, reply) => streams.accept(request, reply),
  });
}

export const liveRoutes = fp(live, { name: 'live-routes' });
