/**
 * The gate stands before everything else that answers requests (the front, fastify): an overloaded gateway must refuse at a
 * small part of what answering costs, or refusing becomes the load. Probes and /metrics always pass.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, type TidemarkError, toProblem } from '@tidemark/contracts';
import { type BaseApp, networkOf, SharedLimit, type TrustProxy } from '@tidemark/service';
import { limitErrors } from './errors.ts';
import type { Overload, ShedCause } from './overload.ts';

export interface LoadShedderOptions {
  overload: Overload;
  connectionsMax: number;
  /** The percentage of connectionsMax that one address may have while more than half of them are open. */
  sharePercent: number;
  /** A proxy's connections are those of many clients: they are held to no share. */
  trust: TrustProxy;
  /** Counts a connection that was refused for its address's share. */
  refused: (policy: string) => void;
  /** Headers of every answer to this origin: name, value… */
  headersFor: (origin: string | undefined) => readonly string[];
}

const ALWAYS = new Set(['/livez', '/readyz', '/metrics']);
const CAUSES: Readonly<Record<ShedCause, string>> = {
  event_loop: 'its event loop is late',
  requests: 'REQUESTS_MAX are being answered',
  connections: 'CONNECTIONS_MAX are open, or your address has its share of them',
};
/** Past CONNECTIONS_MAX so many are still taken, to be told so, and for probes. */
const RESERVE = 64;
/** A connection past its address's share has so long to ask and to be told so. */
const REFUSED_MS = 1_000;
/** Idle connections give way to new ones, looked for once in this time. */
const MAKE_ROOM_MS = 1_000;
/** A body that was not read is thrown away up to this size; with a larger one the connection is closed. */
const MAX_DUMPED_BYTES = 64 * 1024;

const OVER = Symbol('over CONNECTIONS_MAX');
type Counted = Socket & { [OVER]?: boolean };

export interface LoadShedder {
  /** Why a WebSocket is not taken on this connection now. */
  refusesUpgrade(socket: Socket): TidemarkError | undefined;
  /** To be called when everything else that listens for requests is in place. */
  install(): void;
}

export function createLoadShedder(app: BaseApp, options: LoadShedderOptions): LoadShedder {
  const { overload, connectionsMax, sharePercent, trust, headersFor } = options;
  const { server } = app;
  const connections = new SharedLimit(connectionsMax, sharePercent);
  let over = 0;
  let open = 0;
  let madeRoomAt = 0;

  function isTooMany(socket: Socket): boolean {
    if (open > connectionsMax) return true;
    const address = socket.remoteAddress ?? '';
    if (trust(address, 0)) return false;
    const network = networkOf(address);
    if (connections.take(network) !== undefined) {
      options.refused('connections');
      // It may say nothing: then it must not take a place until HEADERS_TIMEOUT_MS is over.
      const timer = setTimeout(() => socket.destroy(), REFUSED_MS);
      socket.once('close', () => clearTimeout(timer));
      return true;
    }
    socket.once('close', () => connections.give(network));
    return false;
  }

  server.maxConnections = connectionsMax + RESERVE;
  server.on('drop', () => overload.count('connections'));
  server.on('connection', (socket: Counted) => {
    open += 1;
    if (isTooMany(socket)) {
      socket[OVER] = true;
      over += 1;
      const now = Date.now();
      if (now - madeRoomAt > MAKE_ROOM_MS) {
        madeRoomAt = now;
        server.closeIdleConnections();
      }
    }
    socket.once('close', () => {
      open -= 1;
      if (socket[OVER]) over -= 1;
    });
  });
  const isOver = (socket: Counted) => over > 0 && socket[OVER] === true;
  return {
    refusesUpgrade(socket) {
      const cause = isOver(socket) ? 'connections' : overload.refuses();
      if (cause === undefined) return undefined;
      overload.count(cause);
      return limitErrors.OVERLOADED({ cause: CAUSES[cause] });
    },
    install() {
      const answers = server.listeners('request') as RequestListener[];
      server.removeAllListeners('request');
      server.on('request', (request: IncomingMessage, response: ServerResponse) => {
        const cause = isOver(request.socket) ? 'connections' : overload.refuses();
        if (cause === undefined || ALWAYS.has(request.url ?? '')) {
          if (cause === 'connections') response.setHeader('connection', 'close');
          for (const answer of answers) answer(request, response);
          return;
        }
        overload.count(cause);
        refuse(request, response, cause, headersFor(request.headers.origin));
      });
    },
  };
}

const bodies = Object.fromEntries(
  Object.entries(CAUSES).map(([cause, text]) => [
    cause,
    JSON.stringify(toProblem(limitErrors.OVERLOADED({ cause: text }))),
  ]),
) as Record<ShedCause, string>;

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  cause: ShedCause,
  headers: readonly string[],
): void {
  const body = bodies[cause];
  const close = cause === 'connections' || bodyBytes(request) > MAX_DUMPED_BYTES;
  response.writeHead(503, [
    ...headers,
    ...['content-type', PROBLEM_CONTENT_TYPE, 'retry-after', '1', 'cache-control', 'no-store'],
    ...['content-length', String(Buffer.byteLength(body))],
    ...(close ? ['connection', 'close'] : []),
  ]);
  response.end(request.method === 'HEAD' ? undefined : body);
}

const bodyBytes = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Number.POSITIVE_INFINITY;
