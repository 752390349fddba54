/**
 * What browsers are told with each answer: who may read it (CORS, Fetch standard §3.2), and that it is data, never a page. Made
 * at start; the front learns them with an answer, so that a hit of the cache pays nothing for them.
 */
import { TIDEMARK_HEADER } from '@tidemark/contracts';
import { type BaseApp, commaSeparated } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { limitErrors } from '../limits/errors.ts';

export interface BrowserHeaders {
  register(app: BaseApp): void;
  /** For answers without fastify: name, value, name, value… */
  headersFor(origin: string | undefined): readonly string[];
}

type Headers = Readonly<Record<string, string>>;

const METRICS = '/metrics';
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const EXPOSED = [
  ...[
    TIDEMARK_HEADER,
    'tidemark-source',
    'cache-status',
    'content-disposition',
    'content-range',
    'content-location',
    'content-profile',
    'etag',
  ],
  ...['idempotency-replayed', 'link', 'location', 'preference-applied', 'ratelimit', 'ratelimit-policy', 'retry-after'],
  ...['server-timing', 'traceresponse'],
].join(', ');
/** A day; browsers cap it at two hours or a day. */
const PREFLIGHT_MAX_AGE_S = '86400';
/** Names of headers, as a preflight asks for them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~ ,-]{1,1000}$/;

/** An answer is shown to nobody as a page, and framed by nobody. */
const API: Headers = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};
/** Files are shown by pages of other origins (img, video); what may run in them is the download's own to say. */
const FILES: Headers = { 'cross-origin-resource-policy': 'cross-origin' };
/** The console says for itself what it needs. */
const CONSOLE: Headers = {
  'content-security-policy': "frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

/** @throws GATEWAY_CORS */
export function createBrowserHeaders(config: Config): BrowserHeaders {
  const { CORS_ORIGINS, CORS_CREDENTIALS: credentials, HSTS_MAX_AGE_S: maxAge } = config;
  if (credentials && CORS_ORIGINS === '*') {
    throw limitErrors.CORS({
      problem: 'CORS_CREDENTIALS is on while CORS_ORIGINS is *: any page could act for its visitor',
    });
  }
  const origins = CORS_ORIGINS === '*' || CORS_ORIGINS === 'none' ? [] : commaSeparated(CORS_ORIGINS);
  const always: Headers = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(maxAge > 0 ? { 'strict-transport-security': `max-age=${maxAge}; includeSubDomains` } : {}),
    ...(origins.length > 0 ? { vary: 'Origin' } : {}),
  };
  const corsOf = (origin: string): Headers => ({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED,
    ...(credentials ? { 'access-control-allow-credentials': 'true' } : {}),
  });
  const everybody = CORS_ORIGINS === '*' ? corsOf('*') : {};
  const named = new Map(origins.map((origin) => [origin.toLowerCase(), corsOf(origin)]));
  const cors = (origin: string | undefined): Headers =>
    origin === undefined || named.size === 0 ? everybody : (named.get(origin.toLowerCase()) ?? everybody);

  const sets = { api: { ...always, ...API }, files: { ...always, ...FILES }, console: { ...always, ...CONSOLE } };
  const kindOf = (url: string): keyof typeof sets => {
    if (url.startsWith('/api/v1/files')) return 'files';
    return url.startsWith('/console') ? 'console' : 'api';
  };
  // One object for each kind and origin: nothing is put together for a request.
  const ready = new Map<Headers, Record<keyof typeof sets, Record<string, string>>>();
  for (const one of [everybody, ...named.values()]) {
    ready.set(one, {
      ...{ api: { ...sets.api, ...one }, files: { ...sets.files, ...one } },
      console: { ...sets.console, ...one },
    });
  }
  const headersOf = (url: string, origin: string | undefined) =>
    (ready.get(cors(origin)) as Record<keyof typeof sets, Record<string, string>>)[kindOf(url)];

  return {
    headersFor: (origin) => Object.entries(headersOf('/', origin)).flat(),
    register(app) {
      app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
        const url = request.raw.url ?? '/';
        const { origin } = request.headers;
        // The figures are read by scrapers, never by a page: no origin is told that it may.
        const isMetrics = request.routeOptions.url === METRICS || url.split('?', 1)[0] === METRICS;
        reply.headers(isMetrics ? sets.api : headersOf(url, origin));
        if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined)
          return done();
        preflight(request, reply, named.size > 0);
      });
      app.options('/*', (_request, reply) => reply.header('allow', `${METHODS}, OPTIONS`).code(204).send());
    },
  };
}

/** Without `access-control-allow-origin`, which the hook has set or not, a browser takes it for a no. */
function preflight(request: FastifyRequest, reply: FastifyReply, byOrigin: boolean): void {
  const asked = request.headers['access-control-request-headers'];
  const names = typeof asked === 'string' && HEADER_NAMES.test(asked) ? asked : '';
  reply
    .header('access-control-allow-methods', METHODS)
    .header('access-control-max-age', PREFLIGHT_MAX_AGE_S)
    .header('vary', `${byOrigin ? 'Origin, ' : ''}Access-Control-Request-Headers`);
  if (names) reply.header('access-control-allow-headers', names);
  reply.code(204).send();
}
