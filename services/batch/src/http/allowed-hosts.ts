import { isIP } from 'node:net';
import { commaSeparated } from '@tidemark/service';

export interface AllowedHosts {
  /** A host without a port in the list allows the scheme's own port. */
  allows(url: URL): boolean;
}

/**
 * `list` has hosts, `*.` in front of a domain for its subdomains, and addresses, separated by commas, each with a port or
 * without. An address is allowed only by itself: a name never leads to one that is not public.
 */
export function allowedHosts(list: string): AllowedHosts {
  const entries = commaSeparated(list.toLowerCase());
  const exact = new Set(entries.filter((entry) => !entry.startsWith('*.')));
  const suffixes = entries.filter((entry) => entry.startsWith('*.')).map((entry) => entry.slice(1));
  return {
    allows(url) {
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return false;
      if (exact.has(url.host)) return true;
      return isIP(bare(url.hostname)) === 0 && suffixes.some((suffix) => url.host.endsWith(suffix));
    },
  };
}

/** An IPv6 address of a URL without its brackets. */
const bare = (hostname: string) => hostname.replace(/^\[|\]$/g, '');
