/** The settings of a transaction for a request. They have PostgREST's names, so that policies and functions for PostgREST work. */
import { type Identity, searchPath } from '@tidemark/db';
import type { FastifyRequest } from 'fastify';

/** The identity of reads has no headers, which would make that of each request unique. */
export function readIdentity(request: FastifyRequest, schema: string): Identity {
  const { role, claims, reading } = request.caller;
  const known = reading.get(schema);
  if (known) return known;
  const identity = Object.freeze({ role, claims, settings: Object.freeze({ search_path: searchPath(schema) }) });
  reading.set(schema, identity);
  return identity;
}

export function fullIdentity(request: FastifyRequest, schema: string): Identity {
  const { role, claims } = request.caller;
  const { authorization: _authorization, apikey: _apikey, cookie, ...headers } = request.headers;
  return {
    role,
    claims,
    settings: {
      search_path: searchPath(schema),
      'request.method': request.method,
      'request.path': request.url.split('?', 1)[0] ?? '/',
      'request.headers': JSON.stringify(headers),
      'request.cookies': JSON.stringify(parseCookies(cookie)),
    },
  };
}

function parseCookies(header: string | undefined): Record<string, string> {
  if (!header) return {};
  const pairs = header.split(';').map((part) => part.trim().split('='));
  return Object.fromEntries(pairs.filter(([name]) => name).map(([name, ...rest]) => [name, rest.join('=')]));
}
