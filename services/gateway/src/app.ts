/** The gateway as an app: composes, never listens, never reads the environment. */
import {
  answerRecorder,
  type BaseApp,
  buildBaseApp,
  CompressionCounts,
  createLimiter,
  type Descriptors,
  type Health,
  type Logger,
  type Metrics,
  operatorCheck,
  registerCompression,
  registerCompressionMetrics,
  type TokenVerifier,
  type Tracing,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from './context.ts';
import { errors } from './errors.ts';
import type { GatewayEvent } from './events.ts';
import { keptBodies } from './http/compression/kept-bodies.ts';
import { FastPath } from './http/fast-path/fast-path.ts';
import { FAST_PATH_SHARE, installFastPath } from './http/fast-path/record.ts';
import { protectFromOverload } from './http/limits/overload-protection.ts';
import { createRateLimit } from './http/limits/rate-limit.ts';
import { createWorkLimit } from './http/limits/work-limit.ts';
import { registerAnswers } from './http/plugins/answer-budget.ts';
import { registerBodies } from './http/plugins/bodies.ts';
import { registerBodyDeadline } from './http/plugins/body-deadline.ts';
import { createBrowserHeaders } from './http/plugins/browser-headers.ts';
import { registerIdentity } from './http/plugins/identity.ts';
import { registerSuggestions } from './http/plugins/suggest.ts';
import { registerProxies } from './http/proxy/proxies.ts';
import { registerTraces, traceSteps } from './http/tracing/trace-requests.ts';
import { translatePostgresError } from './reply/postgres-errors.ts';
import { registerFiles } from './routes/files/files.ts';
import { registerJobs } from './routes/jobs/jobs.ts';
import { registerDocs } from './routes/openapi/docs.ts';
import { registerOpenApi } from './routes/openapi/openapi.ts';
import { registerRpc } from './routes/rpc/call.ts';
import { registerTableRead, TABLE_ROUTE } from './routes/tables/read.ts';
import { registerTableWrites } from './routes/tables/write.ts';
import { registerTransaction } from './routes/transaction/transaction.ts';

export interface AppDependencies extends RouteContext {
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly verifyToken: TokenVerifier;
  /** The budget that clients’ connections, proxied requests and downloads are held to. */
  readonly descriptors: Descriptors;
  readonly observe: (event: GatewayEvent) => void;
  /** Undefined where no collector is configured. */
  readonly tracing: Tracing | undefined;
}

export async function buildApp(deps: AppDependencies): Promise<BaseApp> {
  const { config, logger, health, metrics, verifyToken } = deps;
  const browserHeaders = createBrowserHeaders(config);
  const limiter = createLimiter(config, metrics);
  const verifyTokenFrom = limiter.limitBadTokens(verifyToken);
  const app = buildBaseApp({
    logger,
    health,
    metrics,
    metricsPage: config,
    isOperator: operatorCheck((token, request: FastifyRequest) =>
      verifyTokenFrom(token, limiter.addressOf(request.raw)),
    ),
    descriptors: deps.descriptors,
    observe: deps.observe,
    translateError: (error, request) => translatePostgresError(error, request.caller?.authenticated ?? false),
    server: {
      bodyLimit: config.BODY_LIMIT_BYTES,
      keepAliveTimeout: config.KEEP_ALIVE_MS,
      // With a function that trusts nobody, fastify would still believe X-Forwarded-Host.
      trustProxy: config.TRUST_PROXY === '' ? false : limiter.trust,
      requestTimeout: Math.max(config.REQUEST_TIMEOUT_MS, config.FILES_UPLOAD_TIMEOUT_MS),
      forceCloseConnections: 'idle',
      exposeHeadRoutes: true,
      routerOptions: { maxParamLength: 256 },
      http: {
        maxHeaderSize: config.HEADER_LIMIT_BYTES,
        headersTimeout: config.HEADERS_TIMEOUT_MS,
        // How often Node looks for who is late; its 30 s would make any shorter limit one of 30 s.
        connectionsCheckingInterval: Math.min(2_000, config.HEADERS_TIMEOUT_MS / 4),
      },
    } as never,
  });

  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  const protection = protectFromOverload(app, { ...deps, limiter, browserHeaders });
  const rateLimit = createRateLimit({
    limits: config.RATE_LIMITS,
    bind: config.RATE_LIMITS_BIND,
    identities: config.RATE_LIMIT_IDENTITIES,
    isBusy: protection.isOverHalf,
    limiter,
    metrics,
  });
  const work = createWorkLimit({
    limits: config.WORK_LIMITS,
    identities: config.RATE_LIMIT_IDENTITIES,
    anonRole: config.DB_ANON_ROLE,
    isBusy: protection.isHalfUsed,
    limiter,
    verified: (token) => verifyToken.cached(token),
    metrics,
  });
  work.watchAnswers(app);
  // What every answer has, once more for the hits that never come to fastify.
  const traces = { tracing: deps.tracing, serverTiming: config.SERVER_TIMING };
  const steps = [...(rateLimit ? [rateLimit.step] : []), ...traceSteps(traces)];
  const front =
    deps.cache &&
    new FastPath({
      ...{ cache: deps.cache, maxBytes: config.CACHE_BYTES * FAST_PATH_SHARE, steps, closing: () => closing },
      ...{ catalog: () => deps.catalog.current(), verified: (token) => verifyToken.cached(token) },
      recordGet: answerRecorder(app, 'GET', TABLE_ROUTE),
      recordHead: answerRecorder(app, 'HEAD', TABLE_ROUTE),
    });
  if (front) installFastPath(app, front, metrics);

  registerBodyDeadline(app, config.REQUEST_TIMEOUT_MS);
  browserHeaders.register(app);
  // What is behind the proxies verifies tokens itself, so they live in a scope without our parsers and identity.
  await app.register(async (scope) => {
    await registerProxies(scope as unknown as BaseApp, {
      config,
      limiter,
      metrics,
      descriptors: deps.descriptors,
      refuses: protection.refusesUpgrade,
      watch: protection.watch,
      work: work.sockets,
    });
  });
  await app.register(async (plain) => {
    const scope = plain as unknown as BaseApp;
    const counts = new CompressionCounts();
    registerCompressionMetrics(metrics, counts);
    await registerCompression(scope, {
      minBytes: config.COMPRESSION_MIN_BYTES,
      gzipLevel: config.COMPRESSION_LEVEL,
      counts,
      unacceptable: (asked) => errors.ENCODING({ asked }),
      keptBodies: deps.cache && keptBodies(deps.cache),
    });
    registerAnswers(scope, deps);
    registerBodies(scope, metrics, {
      ...{ limit: config.BODY_LIMIT_BYTES, readingLimit: config.BODIES_READING_BYTES },
      timeoutMs: config.REQUEST_TIMEOUT_MS,
    });
    registerTraces(scope, traces);
    registerIdentity(scope, {
      verifyToken,
      verifyTokenFrom,
      addressOf: limiter.addressOf,
      anonRole: config.DB_ANON_ROLE,
    });
    registerSuggestions(scope, deps);
    rateLimit?.register(scope);
    work.register(scope);
    registerRpc(scope, deps);
    registerTableRead(scope, deps, front);
    registerTableWrites(scope, deps);
    registerTransaction(scope, deps);
    registerJobs(scope, deps);
    registerFiles(scope, deps);
    registerOpenApi(scope, deps);
    registerDocs(scope);
  });
  protection.standInFront();
  return app;
}
