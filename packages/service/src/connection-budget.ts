/**
 * A connection takes a descriptor; a route with `config: { descriptors: true }` (a proxied request, a file) takes
 * another while it is answered. A connection past the budget gets 503, but probes are answered on it. A few such
 * connections are open at a time; a silent one is closed for the next.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TidemarkError } from '@tidemark/contracts';
import type { BaseApp } from './base-app-type.ts';
import { type DescriptorEvent, type Descriptors, MAX_NEWCOMERS } from './descriptors.ts';
import { httpErrors } from './errors.ts';
import type { Metrics } from './metrics.ts';

/** Time in which a connection past the budget must send its request, ms. */
const NEWCOMER_MS = 2_000;
const MAKE_ROOM_MS = 1_000;
const REPORT_MS = 10_000;
const PROBES = new Set(['/livez', '/readyz']);

export interface ConnectionBudgetOptions {
  descriptors: Descriptors;
  metrics: Metrics;
  observe: (event: DescriptorEvent) => void;
}

export interface ConnectionBudget {
  /** Returns the reason why a WebSocket may not stay on this connection, if there is one. */
  refuses(socket: Socket): TidemarkError | undefined;
}

export function limitConnections(app: BaseApp, options: ConnectionBudgetOptions): ConnectionBudget {
  const { descriptors, observe } = options;
  const { server } = app;
  const newcomers = new Set<Socket>();
  const refused = options.metrics.counter(
    'tidemark_descriptors_refused_total',
    'Connections and requests refused for want of a descriptor',
  );
  let madeRoomAt = 0;
  let reportedAt = Number.NEGATIVE_INFINITY;

  function report(): void {
    refused.inc();
    const now = performance.now();
    if (now - reportedAt < REPORT_MS) return;
    reportedAt = now;
    observe({ type: 'descriptors.refusing', forClients: descriptors.forClients });
  }

  function makeRoom(): void {
    const now = performance.now();
    if (now - madeRoomAt < MAKE_ROOM_MS) return;
    madeRoomAt = now;
    server.closeIdleConnections();
  }

  function holdNewcomer(socket: Socket): void {
    report();
    makeRoom();
    const [oldest] = newcomers;
    if (newcomers.size >= MAX_NEWCOMERS) oldest?.destroy();
    newcomers.add(socket);
    const timer = setTimeout(() => socket.destroy(), NEWCOMER_MS);
    timer.unref();
    socket.once('close', () => {
      clearTimeout(timer);
      newcomers.delete(socket);
    });
  }

  server.on('connection', (socket: Socket) => {
    if (descriptors.take()) socket.once('close', descriptors.release);
    else holdNewcomer(socket);
  });
  // Without this listener a failed accept ends the process.
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'accept') return;
    makeRoom();
    observe({ type: 'descriptors.accept_failed', error });
  });

  app.addHook('onRequest', (request, reply, done) => {
    if (newcomers.size > 0 && newcomers.has(request.raw.socket)) {
      reply.header('connection', 'close');
      if (!isProbe(request.raw)) return done(httpErrors.OUT_OF_DESCRIPTORS());
    }
    if (request.routeOptions.config?.descriptors !== true) return done();
    if (!descriptors.take()) {
      report();
      return done(httpErrors.OUT_OF_DESCRIPTORS());
    }
    reply.raw.once('close', descriptors.release);
    done();
  });
  return { refuses: (socket) => (newcomers.has(socket) ? httpErrors.OUT_OF_DESCRIPTORS() : undefined) };
}

const isProbe = (request: IncomingMessage) => PROBES.has(request.url?.split('?', 1)[0] ?? '');
