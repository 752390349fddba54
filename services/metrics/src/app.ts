import {
  type BaseApp,
  buildBaseApp,
  type Descriptors,
  type Health,
  type Limiter,
  type Logger,
  type Metrics,
  operatorCheck,
  registerCompression,
  type VerifyTokenFrom,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from './context.ts';
import type { ServiceEvent } from './events.ts';
import { operatorsOnly } from './plugins/operators-only.ts';
import { connectionsRoute } from './routes/connections.ts';
import { consoleFiles } from './routes/console.ts';
import { findingsRoute } from './routes/findings.ts';
import { healthRoute } from './routes/health.ts';
import { historyRoute } from './routes/history.ts';
import { liveRoute } from './routes/live.ts';
import { liveWhyRoute } from './routes/live-why.ts';
import { locksRoute } from './routes/locks.ts';
import { queriesRoute } from './routes/queries.ts';
import { replicaLagRoute } from './routes/replica-lag.ts';
import { statementsRoute } from './routes/statements.ts';
import { streamRoute } from './routes/stream.ts';
import { workersRoute } from './routes/workers.ts';

export interface AppDependencies extends RouteContext {
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly limiter: Limiter;
  readonly verifyToken: VerifyTokenFrom;
  readonly descriptors: Descriptors;
  readonly observe: (event: ServiceEvent) => void;
}

const PERFORMANCE_ROUTES = [
  healthRoute,
  findingsRoute,
  connectionsRoute,
  replicaLagRoute,
  locksRoute,
  queriesRoute,
  statementsRoute,
  workersRoute,
  liveRoute,
  liveWhyRoute,
  historyRoute,
  streamRoute,
];

export function buildApp(deps: AppDependencies): BaseApp {
  const { config, limiter, verifyToken } = deps;
  const app = buildBaseApp({
    logger: deps.logger,
    health: deps.health,
    metrics: deps.metrics,
    isOperator: operatorCheck((token, request: FastifyRequest) => verifyToken(token, limiter.addressOf(request.raw))),
    metricsPage: config,
    descriptors: deps.descriptors,
    observe: deps.observe,
    // Event streams do not end by themselves; the broadcaster ends them before the server closes.
    server: { forceCloseConnections: 'idle' },
  });
  app.register(async (scope: BaseApp) => {
    await registerCompression(scope);
    scope.register(consoleFiles);
    scope.register(
      async (performance: BaseApp) => {
        performance.register(operatorsOnly, {
          verifyToken,
          limiter,
          requestsPerSecond: config.METRICS_REQUESTS_PER_S,
        });
        for (const route of PERFORMANCE_ROUTES) performance.register(route, deps);
      },
      { prefix: '/api/v1/performance' },
    );
  });
  return app;
}
