import type { FastifyReply } from 'fastify';

/** Adds the headers of the identity to Vary, which may have values of @fastify/cors. */
export function varyByIdentity(reply: FastifyReply): FastifyReply {
  const there = reply.getHeader('vary');
  return reply.header('vary', there === undefined ? 'Authorization, apikey' : `${there}, Authorization, apikey`);
}
