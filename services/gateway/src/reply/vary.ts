import type { FastifyReply } from 'fastify';

export function varyByIdentity(reply: FastifyReply): FastifyReply {
  const there = reply.getHeader('vary');
  return reply.header('vary', there === undefined ? 'Authorization, apikey' : `${there}, Authorization, apikey`);
}
