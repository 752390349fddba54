import { identityKey, networkOf } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';

/** The identity whose share a request counts for: the subject of its token within its role, else its address. */
export function identityOf({ caller, ip }: Pick<FastifyRequest, 'caller' | 'ip'>): string {
  // A closed socket has no address.
  return identityKey(caller?.verified, networkOf(ip ?? ''));
}
