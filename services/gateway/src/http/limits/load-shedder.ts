/**
 * Refusing comes before everything else that answers: it must cost a small part of answering, or refusals become the
 * load. Probes and /metrics always pass.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, type TidemarkError, toProblem } from '@tidemark/contracts';
import { type BaseApp, type FirstHandler, networkOf, SharedLimit, type TrustProxy } from '@tidemark/service';
import { limitErrors } from './errors.ts';
import type { Overload, ShedCause } from './overload.ts';

export interface LoadShedderOptions {
  overload: Overload;
  connectionsMax: number;
  /** Percentage of connectionsMax that one address may have while more than half are open. */
  sharePercent: number;
  /** The connections of a trusted proxy are those of many clients, so they have no share. */
  trust: TrustProxy;
  refused: (policy: string) => void;
  headersFor: (origin: string | undefined) => readonly string[];
}

export interface LoadShedder {
  readonly handle: FirstHandler;
  refusesUpgrade(socket: Socket): TidemarkError | undefined;
}

const ALWAYS = new Set(['/livez', '/readyz', '/metrics']);
const CAUSES: Readonly<Record<ShedCause, string>> = {
  event_loop: 'the event loop is late (SHED_LOOP_MS)',
  requests: 'REQUESTS_MAX requests are being answered',
  connections: 'CONNECTIONS_MAX connections are open, or your address has its share of them',
};
/** Connections accepted beyond CONNECTIONS_MAX, so that they get a 503, and for probes. */
const RESERVE = 64;
/** ms in which a connection over its address's share must send its request and get the refusal. */
const REFUSED_MS = 1_000;
/** ms between two rounds of closing idle connections in favour of new ones. */
const MAKE_ROOM_MS = 1_000;
/** Bytes of an unread body that Node discards; with a larger body the connection is closed. */
const MAX_DISCARDED_BYTES = 64 * 1024;

const OVER = Symbol('over CONNECTIONS_MAX');
type Counted = Socket & { [OVER]?: boolean };

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
      // A silent connection must not hold its place until HEADERS_TIMEOUT_MS.
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
    handle(request, response) {
      const cause = isOver(request.socket) ? 'connections' : overload.refuses();
      if (cause === undefined) return false;
      if (ALWAYS.has(request.url ?? '')) {
        if (cause === 'connections') response.setHeader('connection', 'close');
        return false;
      }
      overload.count(cause);
      refuse(request, response, cause, headersFor(request.headers.origin));
      return true;
    },
    refusesUpgrade(socket) {
      const cause = isOver(socket) ? 'connections' : overload.refuses();
      if (cause === undefined) return undefined;
      overload.count(cause);
      return limitErrors.OVERLOADED({ cause: CAUSES[cause] });
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
  const list = [...headers, 'content-type', PROBLEM_CONTENT_TYPE, 'retry-after', '1', 'cache-control', 'no-store'];
  list.push('content-length', String(Buffer.byteLength(body)));
  if (cause === 'connections' || bodyBytes(request) > MAX_DISCARDED_BYTES) list.push('connection', 'close');
  response.writeHead(503, list);
  response.end(request.method === 'HEAD' ? undefined : body);
}

const bodyBytes = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Number.POSITIVE_INFINITY;
