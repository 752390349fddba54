/**
 * A 304 to HEAD has no Content-Length: fastify would say 0, and the length that a 304 names is that of the body which GET
 * would send (RFC 9110, 8.6).
 */
import type { BaseApp } from '@tidemark/service';
import type { onSendHookHandler, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';

const dropLength: onSendHookHandler = (_request, reply, payload, done) => {
  if (reply.statusCode === 304) reply.removeHeader('content-length');
  done(null, payload);
};

/** Must be registered before the routes. fastify sets the length in the last hook of a route, so this one is added behind it. */
export const unmodifiedHeads = fp(
  async (app: BaseApp) => {
    app.addHook('onRoute', (route: RouteOptions) => {
      if (route.method === 'HEAD') route.onSend = [...[route.onSend ?? []].flat(), dropLength];
    });
  },
  { name: 'unmodified-heads' },
);
