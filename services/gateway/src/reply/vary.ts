/** Adds to the Vary header: what the CORS plugin has put there stays. */
import type { FastifyReply } from 'fastify';

/** The answer depends on who asks. */
export function varyByIdentity(reply: FastifyReply): FastifyReply {
  const there = reply.getHeader('vary');
  return reply.header('vary', there === undefined ? 'Authorization, apikey' : `${there}, Authorization, apikey`);
}
