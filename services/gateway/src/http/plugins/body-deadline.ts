/**
 * Node's own limit holds for the whole server, so it is set to that of uploads, and the shorter one is kept here.
 * FILES_STALL_TIMEOUT_MS cuts off an upload that brings nothing.
 */
import type { IncomingMessage } from 'node:http';
import type { BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyContextConfig {
    longBody?: boolean;
    ownDeadline?: boolean;
  }
}

/** Node's own answer to a request that does not arrive in time. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

export const bodyDeadline = fp(
  async (app: BaseApp, { timeoutMs }: { readonly timeoutMs: number }) => {
    app.addHook('onRequest', (request, _reply, done) => {
      if (!hasNoBody(request)) {
        const { longBody, ownDeadline } = request.routeOptions.config;
        if (!longBody && !ownDeadline && !request.raw.complete) cutOffLater(request.raw, timeoutMs);
      }
      done();
    });
  },
  { name: 'body-deadline' },
);

export function cutOffLater(raw: IncomingMessage, timeoutMs: number): () => void {
  const timer = setTimeout(() => {
    if (!raw.complete) raw.socket.end(TIMED_OUT, () => raw.socket.destroy());
  }, timeoutMs);
  const clear = () => clearTimeout(timer);
  raw.once('end', clear).once('close', clear);
  return clear;
}

const hasNoBody = ({ headers }: FastifyRequest) =>
  headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
