import { createServer, type IncomingMessage } from 'node:http';
import type { FastifyServerFactory } from 'fastify';
import { OneWriteResponse } from './one-write.ts';
import { QueuedResponses } from './queued-responses.ts';

/** Returns whether it has answered. */
export type FirstHandler = (request: IncomingMessage, response: OneWriteResponse) => boolean;

interface ServerOptions {
  readonly http?: object;
  readonly keepAliveTimeout: number;
  readonly requestTimeout: number;
}

/**
 * The handlers in `first` come before fastify. The array is read at each request, so that handlers may be added once the
 * app exists.
 */
export function serverFactory(first: readonly FirstHandler[] = []): FastifyServerFactory {
  return (handler, options) => {
    const { http, keepAliveTimeout, requestTimeout } = options as unknown as ServerOptions;
    const queued = new QueuedResponses();
    const server = createServer({ ...http, ServerResponse: OneWriteResponse }, (request, response) => {
      if (response.socket === null) queued.add(request, response);
      for (const answers of first) if (answers(request, response)) return;
      handler(request, response);
    });
    // With a factory, fastify does not set them.
    server.keepAliveTimeout = keepAliveTimeout;
    server.requestTimeout = requestTimeout;
    return server;
  };
}
