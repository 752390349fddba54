import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FastifyServerFactory } from 'fastify';

export type FirstHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface ServerTimeouts {
  readonly keepAliveMs: number;
  readonly requestMs: number;
}

/** `first` is read at each request, so that handlers may be added once the app exists. */
export function serverFactory(first: readonly FirstHandler[], timeouts: ServerTimeouts): FastifyServerFactory {
  return (handler, options) => {
    const server = createServer(options.http ?? {}, (request, response) => {
      for (const answers of first) if (answers(request, response)) return;
      handler(request, response);
    });
    // With a factory, fastify does not set them.
    server.keepAliveTimeout = timeouts.keepAliveMs;
    server.requestTimeout = timeouts.requestMs;
    return server;
  };
}
