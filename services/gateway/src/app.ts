/** The gateway as an app: composes, never listens, never reads the environment. */
import cors from '@fastify/cors';
import { TIDEMARK_HEADER } from '@tidemark/contracts';
import {
  type BaseApp,
  buildBaseApp,
  type Health,
  type Logger,
  type Metrics,
  type VerifyToken,
} from '@tidemark/service';
import { registerOwnWrites } from './cache/own-writes.ts';
import { registerCompression } from './compression/compress-replies.ts';
import { registerBodies } from './plugins/bodies.ts';
import { registerBodyDeadline } from './plugins/body-deadline.ts';
import { registerIdentity } from './plugins/identity.ts';
import { translatePostgresError } from './reply/postgres-errors.ts';
import type { RouteContext } from './routes/context.ts';
import { registerDocs } from './routes/docs.ts';
import { registerFiles } from './routes/files.ts';
import { registerJobs } from './routes/jobs.ts';
import { registerOpenApi } from './routes/openapi.ts';
import { registerProxies } from './routes/proxies.ts';
import { registerRpc } from './routes/rpc.ts';
import { registerTableRead } from './routes/table-read.ts';
import { registerTableWrites } from './routes/table-write.ts';
import { registerTransaction } from './routes/transaction.ts';
import { openWriter } from './writes/writer.ts';

export interface AppDependencies extends RouteContext {
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly verifyToken: VerifyToken;
}

/** Longer request lines than this are refused by Node before we see them: header and URL together. */
const MAX_HEADER_BYTES = 64 * 1024;

export async function buildApp(deps: AppDependencies): Promise<BaseApp> {
  const { config, logger, health, metrics, verifyToken } = deps;
  const app = buildBaseApp({
    logger,
    health,
    metrics,
    translateError: (error, request) => translatePostgresError(error, request.caller?.authenticated ?? false),
    server: {
      bodyLimit: config.BODY_LIMIT_BYTES,
      requestTimeout: Math.max(config.REQUEST_TIMEOUT_MS, config.FILES_UPLOAD_TIMEOUT_MS),
      forceCloseConnections: 'idle',
      exposeHeadRoutes: true,
      routerOptions: { maxParamLength: 256 },
      http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: config.REQUEST_TIMEOUT_MS },
    } as never,
  });

  registerBodyDeadline(app, config.REQUEST_TIMEOUT_MS);
  await app.register(cors, {
    origin: true,
    // The plugin’s own default is GET, HEAD and POST.
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      TIDEMARK_HEADER,
      'tidemark-source',
      'cache-status',
      'content-range',
      'content-location',
      'content-profile',
      'link',
      'location',
      'preference-applied',
      'idempotency-replayed',
      'retry-after',
      'etag',
    ],
    maxAge: 86_400,
  });
  // Proxies pass bodies on as they are, so they live in a scope without our parsers and identity.
  await app.register(async (scope) => registerProxies(scope as unknown as BaseApp, deps));
  await app.register(async (plain) => {
    const scope = plain as unknown as BaseApp;
    registerCompression(scope, { minBytes: config.COMPRESSION_MIN_BYTES, cache: deps.cache, metrics });
    registerBodies(scope, { limit: config.BODY_LIMIT_BYTES, timeoutMs: config.REQUEST_TIMEOUT_MS });
    registerIdentity(scope, { verifyToken, anonRole: config.DB_ANON_ROLE });
    const writer = openWriter(scope, deps);
    registerRpc(scope, { ...deps, writer });
    registerOwnWrites(scope, deps);
    registerTableRead(scope, deps);
    registerTableWrites(scope, { ...deps, writer });
    registerTransaction(scope, { ...deps, writer });
    registerJobs(scope, deps);
    registerFiles(scope, deps);
    registerOpenApi(scope, deps);
    registerDocs(scope);
  });
  return app;
}
