/**
 * HTTP to allowed hosts only. The address that is checked is the one that is connected to, since the connection's own look-up
 * checks it; so a name that changes its address in between (DNS rebinding) gains nothing, nor does a redirect.
 */
import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Dispatcher } from 'undici';
import { type AllowedHosts, allowedHosts } from './allowed-hosts.ts';
import { HttpFailure } from './http-failure.ts';
import { isPublicAddress } from './public-address.ts';
import { readBody } from './read-body.ts';
import { parseSecrets } from './secrets.ts';
import { lazyAgent } from './undici.ts';

export interface HttpRequest {
  method: string;
  url: string;
  /** Lower case names. `{{secret:NAME}}` in a value stands for a secret that is bound to the URL's host. */
  headers: Readonly<Record<string, string>>;
  body: string | null;
  signal: AbortSignal;
}

export interface HttpResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

export interface SafeHttp {
  /** Follows up to 5 redirects. @throws HttpFailure */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Throws what a request to the URL with these headers would throw before it connects. */
  check(url: string, headers: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

export interface SafeHttpOptions {
  hosts: string;
  secrets: string;
  maxBytes: number;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** They belong to the origin that they were meant for. */
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization'];
const ADDRESS_REFUSED = 'EADDRREFUSED';

export function createSafeHttp({ hosts, secrets, maxBytes }: SafeHttpOptions): SafeHttp {
  const allowed = allowedHosts(hosts);
  const known = parseSecrets(secrets);
  const lazy = lazyAgent({
    connect: { lookup: publicLookup, timeout: 5_000 },
    connections: 64,
    pipelining: 1,
    maxHeaderSize: 16 * 1024,
    keepAliveTimeout: 10_000,
  });

  async function call(asked: HttpRequest): Promise<HttpResponse> {
    let url = allowedUrl(allowed, asked.url);
    let { method, body } = asked;
    // Secrets are filled in for each origin anew, so that one that is bound to the first never reaches the next.
    let headers = asked.headers;
    for (let redirects = 0; ; redirects += 1) {
      const response = await send(url, method, known.fill(headers, url), body, asked.signal);
      const location = response.headers.location;
      if (!REDIRECTS.has(response.statusCode) || typeof location !== 'string') {
        const bytes = await readBody(response.body, response.headers['content-encoding'], maxBytes);
        return { status: response.statusCode, headers: plain(response.headers), body: bytes };
      }
      await response.body.dump({ limit: 64 * 1024 });
      if (redirects === MAX_REDIRECTS) {
        throw new HttpFailure('HTTP_REDIRECTS', `${url.host} redirects more than ${MAX_REDIRECTS} times`);
      }
      const next = allowedUrl(allowed, location, url);
      if (next.origin !== url.origin) headers = known.withoutSecrets(headers, CREDENTIALS);
      const isRepeated =
        response.statusCode === 307 || response.statusCode === 308 || method === 'GET' || method === 'HEAD';
      if (!isRepeated) [method, body] = ['GET', null];
      url = next;
    }
  }

  async function send(
    url: URL,
    method: string,
    headers: Record<string, string>,
    body: string | null,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    try {
      const { undici, agent } = await lazy.open();
      return await undici.request(url, { method: method as 'GET', headers, body, signal, dispatcher: agent });
    } catch (error) {
      throw failureOf(url, error, signal);
    }
  }

  return {
    request: async (asked) => {
      try {
        return await call(asked);
      } catch (error) {
        if (asked.signal.aborted) throw new HttpFailure('HTTP_TIMEOUT', 'the call took too long', { retry: true });
        throw error instanceof HttpFailure ? error : failureOf(new URL(asked.url), error, asked.signal);
      }
    },
    check(url, headers) {
      known.fill(headers, allowedUrl(allowed, url));
    },
    close: () => lazy.destroy(),
  };
}

function allowedUrl(allowed: AllowedHosts, text: string, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    throw new HttpFailure('HTTP_URL', `"${text.slice(0, 200)}" is no URL`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new HttpFailure('HTTP_URL', 'a URL may not contain a user or password', {
      hint: 'Use a header with a secret.',
    });
  }
  if (!allowed.allows(url)) {
    throw new HttpFailure('HTTP_HOST_REFUSED', `calls to ${url.host} are not allowed`, {
      hint: 'BATCH_HTTP_HOSTS lists the hosts that jobs may call.',
    });
  }
  return url;
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, '', 0);
    const addresses: LookupAddress[] = found.filter(({ address }) => isPublicAddress(address));
    const [first] = addresses;
    if (!first) return callback(Object.assign(new Error(`no public address`), { code: ADDRESS_REFUSED }), '', 0);
    if (options.all) return callback(null, addresses);
    callback(null, first.address, first.family);
  });
};

function failureOf(url: URL, error: unknown, signal: AbortSignal): HttpFailure {
  const { code = '', message } = error as { code?: string; message: string };
  if (signal.aborted) return new HttpFailure('HTTP_TIMEOUT', `${url.host} took too long`, { retry: true });
  if (code === ADDRESS_REFUSED) {
    return new HttpFailure('HTTP_ADDRESS_REFUSED', `${url.host} has no public address`, {
      hint: 'Addresses of private networks can be called only by themselves, when BATCH_HTTP_HOSTS lists them.',
    });
  }
  const isMistake = code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED';
  return new HttpFailure('HTTP_FAILED', `${url.host}: ${code || message}`, { retry: !isMistake });
}

function plain(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]));
}
