/**
 * A request's body must have come within REQUEST_TIMEOUT_MS, but an upload may take longer: Node's own limit holds for the whole
 * server, so it is set to the longest, and the shorter one is kept here. An upload that brings nothing is cut off by
 * FILES_STALL_TIMEOUT_MS.
 */
import type { IncomingMessage } from 'node:http';
import type { BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may take as long as FILES_UPLOAD_TIMEOUT_MS. */
    longBody?: boolean;
    /** The body is timed by who reads it. */
    ownDeadline?: boolean;
  }
}

/** As Node itself answers a request that did not come in time. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

export function registerBodyDeadline(app: BaseApp, timeoutMs: number): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (!hasNoBody(request)) {
      const { longBody, ownDeadline } = request.routeOptions.config;
      if (!longBody && !ownDeadline && !request.raw.complete) cutOffLater(request.raw, timeoutMs);
    }
    done();
  });
}

/** Call what it returns once the body is there, unless the stream ends by itself. */
export function cutOffLater(raw: IncomingMessage, timeoutMs: number): () => void {
  const timer = setTimeout(() => {
    if (!raw.complete) raw.socket.end(TIMED_OUT, () => raw.socket.destroy());
  }, timeoutMs);
  const over = () => clearTimeout(timer);
  raw.once('end', over).once('close', over);
  return over;
}

const hasNoBody = ({ headers }: FastifyRequest) =>
  headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
