import type { BaseApp } from '@tidemark/service';
import type { RouteContext } from '../context.ts';
import { actionsRoute } from './actions.ts';
import { adviceRoute } from './advice.ts';
import { alertsRoute } from './alerts.ts';
import { analyzeRoute } from './analyze.ts';
import { cacheRoute } from './cache.ts';
import { capacityRoute } from './capacity.ts';
import { connectionsRoute } from './connections.ts';
import { databaseRoute } from './database.ts';
import { digestRoute } from './digest.ts';
import { eventsRoute } from './events.ts';
import { findingsRoute } from './findings.ts';
import { healthRoute } from './health.ts';
import { jobsRoute } from './jobs.ts';
import { liveRoute } from './live.ts';
import { liveWhyRoute } from './live-why.ts';
import { locksRoute } from './locks.ts';
import { memoryRoute } from './memory.ts';
import { processRoute } from './process.ts';
import { processesRoute } from './processes.ts';
import { queriesRoute } from './queries.ts';
import { replicaLagRoute } from './replica-lag.ts';
import { requestsRoute } from './requests.ts';
import { statementListRoute } from './statement-list.ts';
import { statementsRoute } from './statements.ts';
import { streamRoute } from './stream.ts';
import { summaryRoute } from './summary.ts';
import { timeseriesRoute } from './timeseries.ts';
import { trafficRoute } from './traffic.ts';
import { workersRoute } from './workers.ts';

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
  timeseriesRoute,
  streamRoute,
];

export async function performanceApi(app: BaseApp, context: RouteContext): Promise<void> {
  app.addHook('onRequest', (_request, _reply, done) => {
    context.onAsked();
    done();
  });
  for (const route of PERFORMANCE_ROUTES) app.register(route, context);
  app.register(statementListRoute, { ...context, list: 'slow', path: '/queries/slow' });
  app.register(statementListRoute, { ...context, list: 'recent', path: '/queries/recent' });
}

/** Addresses that monitoring written for a single server asks for. */
export async function aliases(app: BaseApp, context: RouteContext): Promise<void> {
  app.register(healthRoute, { ...context, path: '/health' });
  app.register(healthRoute, { ...context, path: '/performance' });
  app.register(summaryRoute, context);
  app.register(statementListRoute, { ...context, list: 'slow', path: '/slow-queries' });
}
