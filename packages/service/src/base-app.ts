import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { PROBLEM_CONTENT_TYPE, TidemarkError, toProblem } from '@tidemark/contracts';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
  LogController,
} from 'fastify';
import type { BaseApp } from './base-app-type.ts';
import { answerClientError, DEFAULT_HEADER_BYTES } from './client-errors.ts';
import { limitConnections } from './connection-budget.ts';
import type { DescriptorEvent, Descriptors } from './descriptors.ts';
import { httpErrors } from './errors.ts';
import type { Health } from './health.ts';
import { createHttpTimings, recordUnrouted } from './http-timings.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { metricsRoute } from './metrics-page.ts';
import { REQUEST_ID_HEADER, requestIds } from './request-ids.ts';
import { type FirstHandler, serverFactory } from './server-factory.ts';
import { sharedResult } from './shared-result.ts';
import { answerUpgrades } from './upgrades.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the error that it was answered with. */
    failure: string | undefined;
  }
}

export interface BaseAppOptions {
  logger: Logger;
  health: Health;
  metrics: Metrics;
  /** Decides who may see the reasons of /readyz, which name hosts, ports and users. Absent: nobody. */
  isOperator?: (request: FastifyRequest) => Promise<boolean>;
  /** Further readers of /metrics; default: operators only. */
  metricsPage?: { readonly METRICS_TOKEN: string; readonly METRICS_CACHE_MS: number };
  translateError?: (error: Error, request: FastifyRequest) => TidemarkError | undefined;
  /** Headers of every error, such as Proxy-Status. */
  errorHeaders?: (error: TidemarkError) => Readonly<Record<string, string>>;
  descriptors?: Descriptors;
  observe?: (event: DescriptorEvent) => void;
  /** Handlers that see each request before fastify; they may be added later. */
  first?: readonly FirstHandler[];
  server?: Omit<FastifyServerOptions, 'logger' | 'loggerInstance'>;
}

const DEFAULT_METRICS_CACHE_MS = 1_000;

interface HttpOptions {
  http?: { maxHeaderSize?: number };
}

export function buildBaseApp(options: BaseAppOptions): BaseApp {
  const { logger, health, metrics, isOperator } = options;
  const refused = metrics.counter('tidemark_http_unparsed_total', 'Malformed HTTP requests, by status', ['status']);
  const maxHeaderBytes = (options.server as HttpOptions | undefined)?.http?.maxHeaderSize ?? DEFAULT_HEADER_BYTES;
  const answerError = (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const error = asTidemarkError(thrown, request, options);
    const isFault = error.status >= 500 && error.retryAfter === undefined;
    if (isFault) request.log.error({ err: thrown, code: error.code, reqId: request.id }, 'request failed');
    else if (error.status >= 500) logUnavailable(request, error);
    else request.log.debug({ code: error.code, message: error.message, reqId: request.id }, 'request refused');
    request.failure = error.code;
    reply.header(REQUEST_ID_HEADER, request.id);
    if (error.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfter)));
    if (error.status === 401) reply.header('www-authenticate', 'Bearer');
    if (options.errorHeaders !== undefined) reply.headers(options.errorHeaders(error));
    if (error.headers !== undefined) reply.headers(error.headers);
    if (error.statusText !== undefined) reply.raw.statusMessage = error.statusText;
    return reply.code(error.status).type(PROBLEM_CONTENT_TYPE).send(toProblem(error));
  };
  const app: BaseApp = fastify({
    loggerInstance: logger as unknown as FastifyBaseLogger,
    // A log line for each request costs more than the request; the error handler logs failures.
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for each request would cost too.
    childLoggerFactory: (parent) => parent,
    clientErrorHandler: answerClientError(maxHeaderBytes, (status) => refused.inc({ status: String(status) })) as never,
    // Errors of the router before a route is found get the same response as errors of a handler.
    frameworkErrors: (error, request, reply) => answerError(error, request, reply as unknown as FastifyReply),
    ...(options.server as object),
    genReqId: requestIds(),
    serverFactory: serverFactory(options.first),
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as BaseApp;

  app.decorateRequest('failure', undefined);
  const connections = createHttpTimings(app, metrics);
  const budget = options.descriptors
    ? limitConnections(app, { descriptors: options.descriptors, metrics, observe: options.observe ?? (() => {}) })
    : undefined;
  answerUpgrades(app, connections, (socket) => budget?.refuses(socket));

  app.get('/livez', { logLevel: 'silent' }, async () => ({ status: 'ok' }));
  // The checks may take a second; concurrent requests share one run.
  const checked = sharedResult(() => Promise.all([health.problems(), health.warnings()]), 0);
  app.get('/readyz', { logLevel: 'silent' }, async (request, reply) => {
    const [problems, warnings] = await checked();
    const status = problems.length ? 'not ready' : 'ready';
    const isQuiet = problems.length === 0 && warnings.length === 0;
    const mayKnow = isQuiet || (isOperator !== undefined && (await isOperator(request)));
    const shown = (lines: string[]) => (mayKnow ? lines : health.namesOnly(lines));
    return reply.code(problems.length ? 503 : 200).send({
      status,
      problems: shown(problems),
      ...(warnings.length ? { warnings: shown(warnings) } : {}),
      ...(mayKnow
        ? {}
        : {
            hint: 'The reasons are in GET /api/v1/performance/health of the metrics service, for a token with the role ops.',
          }),
    });
  });
  const { METRICS_TOKEN: token = '', METRICS_CACHE_MS: cacheMs = DEFAULT_METRICS_CACHE_MS } = options.metricsPage ?? {};
  metricsRoute(app, metrics, { token, cacheMs, isOperator });

  app.setNotFoundHandler((request, reply) => {
    recordUnrouted(app, request, reply);
    const error = httpErrors.NOT_FOUND({ method: request.method, path: pathOf(request) });
    if (options.errorHeaders !== undefined) reply.headers(options.errorHeaders(error));
    return reply.code(error.status).type(PROBLEM_CONTENT_TYPE).send(toProblem(error));
  });

  app.setErrorHandler(answerError);

  return app;
}

/** "Try again" responses are no failures. There may be thousands a second, which must not fill the log. */
const UNAVAILABLE_LOG_MS = 1_000;
/** The time of the last log line for each code; bounded by the number of codes. */
const unavailableLoggedAt = new Map<string, number>();

function logUnavailable(request: FastifyRequest, { code, message, details }: TidemarkError): void {
  const now = performance.now();
  if (now - (unavailableLoggedAt.get(code) ?? Number.NEGATIVE_INFINITY) < UNAVAILABLE_LOG_MS) return;
  unavailableLoggedAt.set(code, now);
  request.log.warn({ code, message, details, reqId: request.id }, 'request refused for now');
}

function asTidemarkError(thrown: FastifyError, request: FastifyRequest, options: BaseAppOptions): TidemarkError {
  const translated = options.translateError?.(thrown, request);
  if (translated) return translated;
  if (thrown instanceof TidemarkError) return thrown;
  const cause = { cause: thrown };
  switch (thrown.code) {
    case 'FST_ERR_BAD_URL':
      return httpErrors.BAD_URL({ path: pathOf(request) }, cause);
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return httpErrors.BODY_TOO_LARGE({ maximum: `${request.routeOptions.bodyLimit} bytes` }, cause);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return httpErrors.MEDIA_TYPE({ type: request.headers['content-type'] ?? '' }, cause);
  }
  const status = thrown.statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    const error = httpErrors.INVALID_REQUEST({ reason: thrown.message, status }, cause);
    return new TidemarkError({ code: error.code, status, message: error.message, hint: error.hint }, cause);
  }
  return httpErrors.INTERNAL({ id: String(request.id) }, cause);
}

const pathOf = (request: FastifyRequest) => request.url.split('?', 1)[0] ?? '/';
