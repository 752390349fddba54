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
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from './context.ts';
import type { ServiceEvent } from './events.ts';
import { operatorsOnly } from './plugins/operators-only.ts';
import { actionsRoute } from './routes/actions.ts';
import { adviceRoute } from './routes/advice.ts';
import { alertsRoute } from './routes/alerts.ts';
import { analyzeRoute } from './routes/analyze.ts';
import { cacheRoute } from './routes/cache.ts';
import { capacityRoute } from './routes/capacity.ts';
import { connectionsRoute } from './routes/connections.ts';
import { consoleFiles } from './routes/console.ts';
import { databaseRoute } from './routes/database.ts';
import { digestRoute } from './routes/digest.ts';
import { eventsRoute } from './routes/events.ts';
import { findingsRoute } from './routes/findings.ts';
import { healthRoute } from './routes/health.ts';
import { historyRoute } from './routes/history.ts';
import { jobsRoute } from './routes/jobs.ts';
import { liveRoute } from './routes/live.ts';
import { liveWhyRoute } from './routes/live-why.ts';
import { locksRoute } from './routes/locks.ts';
import { memoryRoute } from './routes/memory.ts';
import { processRoute } from './routes/process.ts';
import { processesRoute } from './routes/processes.ts';
import { queriesRoute } from './routes/queries.ts';
import { replicaLagRoute } from './routes/replica-lag.ts';
import { requestsRoute } from './routes/requests.ts';
import { statementListRoute } from './routes/statement-list.ts';
import { statementsRoute } from './routes/statements.ts';
import { streamRoute } from './routes/stream.ts';
import { summaryRoute } from './routes/summary.ts';
import { timeseriesRoute } from './routes/timeseries.ts';
import { trafficRoute } from './routes/traffic.ts';
import { workersRoute } from './routes/workers.ts';

export interface AppDependencies extends RouteContext {
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly limiter: Limiter;
  readonly descriptors: Descriptors;
  readonly observe: (event: ServiceEvent) => void;
}

const PERFORMANCE_ROUTES = [
  healthRoute,
  findingsRoute,
  actionsRoute,
  alertsRoute,
  eventsRoute,
  requestsRoute,
  trafficRoute,
  connectionsRoute,
  replicaLagRoute,
  locksRoute,
  databaseRoute,
  adviceRoute,
  queriesRoute,
  analyzeRoute,
  digestRoute,
  statementsRoute,
  workersRoute,
  jobsRoute,
  cacheRoute,
  memoryRoute,
  processRoute,
  processesRoute,
  summaryRoute,
  capacityRoute,
  liveRoute,
  liveWhyRoute,
  historyRoute,
  timeseriesRoute,
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
    scope.register(async (operators: BaseApp) => {
      const requestsPerSecond = config.METRICS_REQUESTS_PER_S;
      await operators.register(operatorsOnly, { verifyToken, limiter, requestsPerSecond });
      operators.register(performanceApi, { ...deps, prefix: '/api/v1/performance' });
      operators.register(aliases, { ...deps, prefix: '/api/metrics' });
    });
  });
  return app;
}

async function performanceApi(app: BaseApp, context: RouteContext): Promise<void> {
  app.addHook('onRequest', (_request, _reply, done) => {
    context.onAsked();
    done();
  });
  for (const route of PERFORMANCE_ROUTES) app.register(route, context);
  app.register(statementListRoute, { ...context, list: 'slow', path: '/queries/slow' });
  app.register(statementListRoute, { ...context, list: 'recent', path: '/queries/recent' });
}

/** Addresses that monitoring written for a single server asks for. */
async function aliases(app: BaseApp, context: RouteContext): Promise<void> {
  app.register(healthRoute, { ...context, path: '/health' });
  app.register(healthRoute, { ...context, path: '/performance' });
  app.register(summaryRoute, context);
  app.register(statementListRoute, { ...context, list: 'slow', path: '/slow-queries' });
}
