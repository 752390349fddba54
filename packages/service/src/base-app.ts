/**
 * The Fastify app that every service starts from: health, metrics, errors as problem+json, request timing.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { PROBLEM_CONTENT_TYPE, TidemarkError, toProblem } from '@tidemark/contracts';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import { httpErrors } from './errors.ts';
import type { Health } from './health.ts';
import { createHttpTimings, recordUnrouted } from './http-timings.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

export type BaseApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface BaseAppOptions {
  logger: Logger;
  health: Health;
  metrics: Metrics;
  /** Turns what a library throws into one of ours; undefined leaves it to the defaults here. */
  translateError?: (error: Error, request: FastifyRequest) => TidemarkError | undefined;
  server?: Omit<FastifyServerOptions, 'logger' | 'loggerInstance'>;
}

export function buildBaseApp(options: BaseAppOptions): BaseApp {
  const { logger, health, metrics } = options;
  const app: BaseApp = fastify({
    loggerInstance: logger as unknown as FastifyBaseLogger,
    // A log line for each request costs more than the request; failures are logged by the error handler.
    logController: new LogController({ disableRequestLogging: true }),
    // Nor is a logger made for each: what is logged of a request names it.
    childLoggerFactory: (parent) => parent,
    ...(options.server as object),
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as BaseApp;

  createHttpTimings(app, metrics);

  app.get('/livez', { logLevel: 'silent' }, async () => ({ status: 'ok' }));
  app.get('/readyz', { logLevel: 'silent' }, async (_request, reply) => {
    const [problems, warnings] = await Promise.all([health.problems(), health.warnings()]);
    const status = problems.length ? 'not ready' : 'ready';
    return reply.code(problems.length ? 503 : 200).send({ status, problems, ...(warnings.length ? { warnings } : {}) });
  });
  app.get('/metrics', { logLevel: 'silent' }, async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });

  app.setNotFoundHandler((request, reply) => {
    recordUnrouted(app, request, reply);
    const path = request.url.split('?', 1)[0] ?? '/';
    const error = httpErrors.NOT_FOUND({ method: request.method, path });
    return reply.code(error.status).type(PROBLEM_CONTENT_TYPE).send(toProblem(error));
  });

  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = asTidemarkError(thrown, request, options.translateError);
    if (error.status >= 500) request.log.error({ err: thrown, code: error.code, reqId: request.id }, 'request failed');
    else request.log.debug({ code: error.code, message: error.message, reqId: request.id }, 'request refused');
    if (error.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfter)));
    if (error.status === 401) reply.header('www-authenticate', 'Bearer');
    return reply.code(error.status).type(PROBLEM_CONTENT_TYPE).send(toProblem(error));
  });

  return app;
}

function asTidemarkError(
  thrown: FastifyError,
  request: FastifyRequest,
  translate: BaseAppOptions['translateError'],
): TidemarkError {
  const translated = translate?.(thrown, request);
  if (translated) return translated;
  if (thrown instanceof TidemarkError) return thrown;
  const status = thrown.statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    const error = httpErrors.INVALID_REQUEST({ reason: thrown.message, status }, { cause: thrown });
    return new TidemarkError({ code: error.code, status, message: error.message, hint: error.hint }, { cause: thrown });
  }
  return httpErrors.INTERNAL({ id: String(request.id) }, { cause: thrown });
}
