/** The app composes the HTTP side: it never listens, and never reads the environment. */
import type { TidemarkError } from '@tidemark/contracts';
import {
  type BaseApp,
  buildBaseApp,
  createLimiter,
  type Descriptors,
  type FirstHandler,
  operatorCheck,
  type ServiceBase,
  type TokenVerifier,
  type Tracing,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from './context.ts';
import type { GatewayEvent } from './events.ts';
import { compression } from './http/compression.ts';
import { createFastPath } from './http/fast-path/record.ts';
import { createProtection } from './http/limits/protection.ts';
import { answerBudget } from './http/plugins/answer-budget.ts';
import { bodies } from './http/plugins/bodies.ts';
import { bodyDeadline } from './http/plugins/body-deadline.ts';
import { browserHeaders, createBrowserHeaders } from './http/plugins/browser-headers.ts';
import { identity } from './http/plugins/identity.ts';
import { suggestions } from './http/plugins/suggestions.ts';
import { unmodifiedHeads } from './http/plugins/unmodified-heads.ts';
import { proxies } from './http/proxy/proxies.ts';
import { type RecordOptions, recordRequests } from './http/requests/record-requests.ts';
import { serverOptions } from './http/server-options.ts';
import { requestTraces, traceSteps } from './http/tracing/trace-requests.ts';
import { translatePostgresError } from './reply/postgres-errors.ts';
import { methodsOf } from './request/methods-of.ts';
import { preRequestSql } from './request/pre-request.ts';
import { ROUTES } from './routes/routes.ts';
import { tableReadRoute } from './routes/tables/read.ts';

export interface AppDependencies extends RouteContext, ServiceBase<GatewayEvent> {
  readonly verifyToken: TokenVerifier;
  readonly descriptors: Descriptors;
  readonly tracing: Tracing | undefined;
  readonly requests: RecordOptions;
}

/** PostgREST sends this header (RFC 9209), so that the log of a proxy has the code. A function may raise a code that is no token. */
const proxyStatus = ({ code }: TidemarkError) => ({
  'proxy-status': `PostgREST; error=${code.replaceAll(/[^\w-]/g, '_')}`,
});

export function buildApp(deps: AppDependencies): BaseApp {
  const { config, metrics, verifyToken } = deps;
  const limiter = createLimiter(config, metrics);
  const { addressOf } = limiter;
  const verifyTokenFrom = limiter.limitBadTokens(verifyToken);
  const statements = {
    extraSearchPath: config.extraSearchPath,
    appSettings: config.appSettings,
    preRequest: preRequestSql(config),
  };
  const first: FirstHandler[] = [];
  const app = buildBaseApp({
    ...deps,
    metricsPage: config,
    isOperator: operatorCheck((token, request: FastifyRequest) => verifyTokenFrom(token, addressOf(request.raw))),
    translateError: (error, request) => translatePostgresError(error, request.caller?.authenticated ?? false),
    errorHeaders: proxyStatus,
    first,
    server: serverOptions(config, limiter.trust),
  });

  const headers = createBrowserHeaders(config);
  const protection = createProtection(app, { ...deps, limiter, browserHeaders: headers });
  const { rateLimit, work } = protection;
  const traces = { tracing: deps.tracing, serverTiming: config.SERVER_TIMING };
  const steps = [...(rateLimit ? [rateLimit.step] : []), ...traceSteps(traces)];
  const fastPath = createFastPath(app, deps, steps);
  first.push(protection.shed);
  if (fastPath) first.push(fastPath.handle);

  app.register(work.answers);
  app.register(bodyDeadline, { timeoutMs: config.REQUEST_TIMEOUT_MS });
  app.register(browserHeaders, { ...headers, methodsOf: (request) => methodsOf(request, deps) });
  // The services behind the proxies verify tokens themselves, so the proxies have a scope without our parsers and identity.
  app.register(proxies, { ...deps, limiter, protection });
  app.register(async (scope: BaseApp) => {
    scope.register(unmodifiedHeads);
    scope.register(compression, deps);
    scope.register(bodies, {
      limit: config.BODY_LIMIT_BYTES,
      readingLimit: config.BODIES_READING_BYTES,
      timeoutMs: config.REQUEST_TIMEOUT_MS,
      metrics,
    });
    scope.register(requestTraces, traces);
    scope.register(recordRequests, deps.requests);
    scope.register(identity, { verifyToken, verifyTokenFrom, addressOf, anonRole: config.DB_ANON_ROLE, statements });
    scope.register(answerBudget, deps);
    scope.register(suggestions, deps);
    if (rateLimit) scope.register(rateLimit.plugin);
    scope.register(work.plugin);
    scope.register(tableReadRoute, { ...deps, fastPath });
    for (const route of ROUTES) scope.register(route, deps);
  });
  return app;
}
