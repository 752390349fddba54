/** The fast path records these headers with an answer; the load shedder gets the same ones from `headersFor`. */
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import { TIDEMARK_HEADER } from '@tidemark/contracts';
import { type BaseApp, commaSeparated } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../../config.ts';
import { limitErrors } from '../limits/errors.ts';

type BrowserConfig = Pick<Config, 'CORS_ORIGINS' | 'CORS_CREDENTIALS' | 'HSTS_MAX_AGE_S'>;
type Headers = Readonly<Record<string, string>>;

export interface BrowserHeaders {
  readonly cors: FastifyCorsOptions | undefined;
  security(url: string): Record<string, string>;
  /** All headers of an answer of the API, for answers without fastify: name, value, name, value… */
  headersFor(origin: string | undefined): readonly string[];
}

const METRICS = '/metrics';
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const EXPOSED = [
  TIDEMARK_HEADER,
  'tidemark-source',
  'cache-status',
  'content-disposition',
  'content-range',
  'content-location',
  'content-profile',
  'etag',
  'idempotency-replayed',
  'link',
  'location',
  'preference-applied',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'server-timing',
  'traceresponse',
  'x-request-id',
].join(', ');
const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
] as const;
/** A day; browsers cap it at two hours or a day. */
const PREFLIGHT_MAX_AGE_S = 86_400;

/** No browser shows an answer as a page, and no page frames it. */
const API: Headers = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};
/** Pages of other origins show files (img, video). The download route sets what may run in them. */
const FILES: Headers = { 'cross-origin-resource-policy': 'cross-origin' };
/** The console sets the rest of its policy itself. */
const CONSOLE: Headers = {
  'content-security-policy': "frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

export function createBrowserHeaders({
  CORS_ORIGINS,
  CORS_CREDENTIALS,
  HSTS_MAX_AGE_S,
}: BrowserConfig): BrowserHeaders {
  if (CORS_CREDENTIALS && CORS_ORIGINS === '*') {
    throw limitErrors.CORS({
      problem: 'CORS_CREDENTIALS is on while CORS_ORIGINS is *: any page could act for its visitor',
    });
  }
  // Browsers send scheme and host in lower case.
  const origin = CORS_ORIGINS === '*' ? CORS_ORIGINS : commaSeparated(CORS_ORIGINS.toLowerCase());
  const options: FastifyCorsOptions | undefined =
    CORS_ORIGINS === 'none'
      ? undefined
      : {
          origin,
          methods: METHODS,
          exposedHeaders: EXPOSED,
          credentials: CORS_CREDENTIALS,
          maxAge: PREFLIGHT_MAX_AGE_S,
          strictPreflight: false,
        };
  const always: Headers = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(HSTS_MAX_AGE_S > 0 ? { 'strict-transport-security': `max-age=${HSTS_MAX_AGE_S}; includeSubDomains` } : {}),
  };
  const api = { ...always, ...API };
  const files = { ...always, ...FILES };
  const console = { ...always, ...CONSOLE };
  const isAllowed = (asked: string | undefined) => origin === '*' || (asked !== undefined && origin.includes(asked));

  return {
    cors: options,
    security(url) {
      if (url.startsWith('/api/v1/files')) return files;
      return url.startsWith('/console') ? console : api;
    },
    headersFor(asked) {
      const headers = Object.entries(api).flat();
      if (!options) return headers;
      if (origin !== '*') headers.push('vary', 'Origin');
      if (isAllowed(asked)) headers.push(CORS_HEADERS[0], origin === '*' ? '*' : (asked as string));
      if (CORS_CREDENTIALS) headers.push(CORS_HEADERS[1], 'true');
      headers.push(CORS_HEADERS[2], EXPOSED);
      return headers;
    },
  };
}

export interface BrowserHeadersOptions extends BrowserHeaders {
  /** The methods of a resource, separated by commas; undefined where the path names none. */
  methodsOf(request: FastifyRequest): string | undefined;
}

export const browserHeaders = fp(
  async (app: BaseApp, { cors: options, security, headersFor, methodsOf }: BrowserHeadersOptions) => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.headers(security(request.raw.url ?? '/'));
      if (request.method !== 'OPTIONS') return done();
      // A preflight of a browser asks for a method; any other OPTIONS asks what the resource allows.
      if (request.headers['access-control-request-method'] === undefined) {
        let methods: string | undefined;
        try {
          methods = methodsOf(request);
        } catch (error) {
          return done(error as Error);
        }
        if (methods !== undefined) {
          const headers = headersFor(request.headers.origin);
          for (let at = 0; at < headers.length; at += 2) reply.header(headers[at] as string, headers[at + 1]);
          reply.header('allow', methods).code(200).send();
          return;
        }
      }
      reply.header('allow', `${METHODS}, OPTIONS`);
      if (options !== undefined && !isMetrics(request)) return done();
      reply.code(204).send();
    });
    if (options === undefined) {
      app.options('*', (_request, reply) => reply.code(204).send());
      return;
    }
    await app.register(cors, options);
    // Scrapers read the figures, and no page may.
    app.addHook('onRequest', (request, reply, done) => {
      if (isMetrics(request)) for (const name of CORS_HEADERS) reply.removeHeader(name);
      done();
    });
  },
  { name: 'browser-headers' },
);

const isMetrics = ({ routeOptions, url }: FastifyRequest) =>
  routeOptions.url === METRICS || url.split('?', 1)[0] === METRICS;
