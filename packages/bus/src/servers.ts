/**
 * Parses NATS_URL: `nats://user:password@host:4222` or `tls://token@host`, several with commas, percent-encoded. The
 * client library ignores a URL's user, password and scheme, so they are passed as options.
 */
import { redactUrl } from '@tidemark/contracts';
import { errors } from './errors.ts';

export interface Servers {
  /** `host:port` without credentials, so safe to log. */
  readonly addresses: readonly string[];
  readonly tls: boolean;
  readonly credentials: UrlCredentials | undefined;
}

export type UrlCredentials = { readonly user: string; readonly password: string } | { readonly token: string };

const SCHEMES = new Set(['nats', 'tls']);
const URL_PARTS = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:(.*)@)?([^@/?#]+)\/?$/i;
const ADDRESS = /^(?:\[[0-9a-f:.]+\]|[^\s:[\]]+)(?::\d{1,5})?$/i;

/** @throws BUS_INVALID_OPTIONS; its text contains no user, password or token */
export function parseServers(text: string): Servers {
  const parsed = text.split(',').map((url) => parseServer(url.trim()));
  const [first] = parsed as [ReturnType<typeof parseServer>];
  const named = parsed.filter(({ credentials }) => credentials !== undefined);
  const [one] = named;
  if (named.some(({ credentials }) => JSON.stringify(credentials) !== JSON.stringify(one?.credentials))) {
    throw invalid(
      'NATS_URL names servers with different users',
      'Give one user for all servers: they are one cluster.',
    );
  }
  if (parsed.some(({ tls }) => tls !== first.tls)) {
    throw invalid('NATS_URL mixes tls:// with other addresses', 'Write tls:// in front of each address, or of none.');
  }
  return { addresses: parsed.map(({ address }) => address), tls: first.tls, credentials: one?.credentials };
}

function parseServer(url: string) {
  const [, scheme = 'nats', userinfo, address = ''] = URL_PARTS.exec(url) ?? [];
  if (!ADDRESS.test(address)) {
    throw invalid(
      `NATS_URL has an address that is not <host>:<port>: ${redactUrl(url)}`,
      'Write nats://<host>:<port>; in a user or password, percent-encode @ as %40, / as %2F, comma as %2C.',
    );
  }
  if (!SCHEMES.has(scheme.toLowerCase())) {
    throw invalid(`NATS_URL has the scheme ${scheme}://`, 'Write nats:// or tls://.');
  }
  return { address, tls: scheme.toLowerCase() === 'tls', credentials: userinfo ? parseUserinfo(userinfo) : undefined };
}

/** A name without a password is a token, as in NATS's own tools. */
function parseUserinfo(userinfo: string): UrlCredentials {
  const colon = userinfo.indexOf(':');
  try {
    if (colon === -1) return { token: decodeURIComponent(userinfo) };
    return {
      user: decodeURIComponent(userinfo.slice(0, colon)),
      password: decodeURIComponent(userinfo.slice(colon + 1)),
    };
  } catch {
    throw invalid(
      'NATS_URL has a user or password that is not percent-encoded',
      'Encode it (encodeURIComponent): % itself is %25.',
    );
  }
}

const invalid = (problem: string, remedy: string) => errors.INVALID_OPTIONS({ problem, remedy });
