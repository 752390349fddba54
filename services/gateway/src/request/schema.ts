/** The schema of a request: Accept-Profile for reads, Content-Profile for writes, else the first exposed one. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { postgrest } from '../errors.ts';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

export function schemaOf(request: FastifyRequest, reply: FastifyReply, schemas: readonly string[]): string {
  const schema = schemaNamed(request, schemas);
  if (schemas.length > 1) reply.header('content-profile', schema);
  return schema;
}

export function schemaNamed(request: FastifyRequest, schemas: readonly string[]): string {
  const name = READS.has(request.method) ? 'accept-profile' : 'content-profile';
  const given = request.headers[name];
  const schema = (typeof given === 'string' && given) || (schemas[0] as string);
  if (!schemas.includes(schema)) throw postgrest.PGRST106({ schema, schemas });
  return schema;
}
