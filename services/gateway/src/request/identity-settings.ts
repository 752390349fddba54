/** The settings of a transaction for a request. They have PostgREST's names, so that policies and functions for PostgREST work. */
import { type Identity, searchPath } from '@tidemark/db';
import type { Catalog } from '@tidemark/plan';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './caller.ts';

export interface IdentityScope {
  readonly schema: string;
  /** If present, the settings of the role apply. */
  readonly catalog?: Catalog;
  /** Prefer: timezone. */
  readonly timezone?: string | null;
}

/** The identity of reads has no headers, which would make that of each request unique, unless a function runs before them. */
export function readIdentity(request: FastifyRequest, scope: IdentityScope): Identity {
  if (request.caller.statements.preRequest !== null) return fullIdentity(request, scope);
  const { role, claims, reading } = request.caller;
  const key = `${scope.catalog?.version ?? ''} ${scope.timezone ?? ''} ${scope.schema}`;
  const known = reading.get(key);
  if (known) return known;
  const settings = Object.freeze(ownSettings(request.caller, scope));
  const identity = Object.freeze({ role, claims, settings });
  if (reading.size >= MAX_SCOPES) reading.clear();
  reading.set(key, identity);
  return identity;
}

/** Schemas and time zones of one caller whose identities are kept. */
const MAX_SCOPES = 16;

export function fullIdentity(request: FastifyRequest, scope: IdentityScope): Identity {
  const { role, claims } = request.caller;
  const { authorization: _authorization, apikey: _apikey, cookie, ...headers } = request.headers;
  return {
    role,
    claims,
    ...before(request.caller),
    settings: {
      ...ownSettings(request.caller, scope),
      'request.method': request.method,
      'request.path': pathOf(request.url),
      'request.headers': JSON.stringify(headers),
      'request.cookies': JSON.stringify(parseCookies(cookie)),
    },
  };
}

/** As in PostgREST, the path of a resource begins with its name. */
function pathOf(url: string): string {
  const [path = '/'] = url.split('?', 1);
  return path.startsWith(PREFIX) ? path.slice(PREFIX.length - 1) : path;
}

const PREFIX = '/rest/v1/';

const before = ({ statements: { preRequest } }: Caller) => (preRequest === null ? {} : { before: preRequest });

function ownSettings(
  { role, statements: { extraSearchPath, appSettings } }: Caller,
  { catalog, schema, timezone = null }: IdentityScope,
): Record<string, string> {
  const ofRole = catalog?.roleSettings.get(role);
  const ofAll = { search_path: searchPath(schema, extraSearchPath), ...appSettings };
  if (ofRole === undefined && timezone === null) return ofAll;
  const { TimeZone: ownZone, ...others } = zoneApart(ofRole ?? {});
  const zone = timezone ?? ownZone;
  return { ...ofAll, ...others, ...(zone !== undefined && { TimeZone: zone }) };
}

/** Names of settings are not case-sensitive. */
function zoneApart(settings: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name.toLowerCase() === 'timezone' ? 'TimeZone' : name, value]),
  );
}

function parseCookies(header: string | undefined): Record<string, string> {
  if (!header) return {};
  const pairs = header.split(';').map((part) => part.trim().split('='));
  return Object.fromEntries(pairs.filter(([name]) => name).map(([name, ...rest]) => [name, rest.join('=')]));
}
