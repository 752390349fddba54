/**
 * The gate stands before everything else that answers requests (the front, fastify): an overloaded gateway must refuse at a
 * small part of what answering costs, or refusing becomes the load. Probes and /metrics always pass.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, toProblem } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import { limitErrors } from './errors.ts';
import type { Overload, ShedCause } from './overload.ts';

export interface GateOptions {
  overload: Overload;
  connectionsMax: number;
  /** Headers of every answer to this origin: name, value… */
  headersFor: (origin: string | undefined) => readonly string[];
}

const ALWAYS = new Set(['/livez', '/readyz', '/metrics']);
const CAUSES: Readonly<Record<ShedCause, string>> = {
  event_loop: 'its event loop is late',
  requests: 'REQUESTS_MAX are being answered',
  connections: 'CONNECTIONS_MAX are open',
};
/** Past CONNECTIONS_MAX so many are still taken, to be told so, and for probes. */
const RESERVE = 64;
/** Idle connections give way to new ones, looked for once in this time. */
const MAKE_ROOM_MS = 1_000;
/** A body that was not read is thrown away up to this size; with a larger one the connection is closed. */
const MAX_DUMPED_BYTES = 64 * 1024;

const OVER = Symbol('over CONNECTIONS_MAX');
type Counted = Socket & { [OVER]?: boolean };

/** To be called when everything else is in place. */
export function installGate(app: BaseApp, { overload, connectionsMax, headersFor }: GateOptions): void {
  const { server } = app;
  const answers = server.listeners('request') as RequestListener[];
  let over = 0;
  let open = 0;
  let madeRoomAt = 0;

  server.maxConnections = connectionsMax + RESERVE;
  server.on('drop', () => overload.count('connections'));
  server.on('connection', (socket: Counted) => {
    open += 1;
    if (open > connectionsMax) {
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
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const isOver = over > 0 && (request.socket as Counted)[OVER] === true;
    const cause = isOver ? 'connections' : overload.refuses();
    if (cause === undefined || ALWAYS.has(request.url ?? '')) {
      if (isOver) response.setHeader('connection', 'close');
      for (const answer of answers) answer(request, response);
      return;
    }
    overload.count(cause);
    refuse(request, response, cause, headersFor(request.headers.origin));
  });
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
