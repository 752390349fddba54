/** Whose share a request counts for: the subject of its token within its role, else the address that it came from. */
import { identityKey, networkOf } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';

export function identityOf({ caller, ip }: Pick<FastifyRequest, 'caller' | 'ip'>): string {
  // A socket that has closed has no address any more.
  return identityKey(caller?.verified, networkOf(ip ?? ''));
}
