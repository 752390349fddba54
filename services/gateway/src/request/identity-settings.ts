/** The settings of a transaction that runs for a request: PostgREST's names, so that its users' policies and functions go on working. */
import { type Identity, searchPath } from '@tidemark/db';
import type { FastifyRequest } from 'fastify';

/** For reads of tables: what a policy may look at. Headers are left out, as they would make each request's identity its own. */
export function readIdentity(request: FastifyRequest, schema: string): Identity {
  const { role, claims, reading } = request.caller;
  const known = reading.get(schema);
  if (known) return known;
  const identity = Object.freeze({ role, claims, settings: Object.freeze({ search_path: searchPath(schema) }) });
  reading.set(schema, identity);
  return identity;
}

/** For writes and functions, which also see the request. */
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
