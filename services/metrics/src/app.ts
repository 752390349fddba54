/** Composes the HTTP side; never listens, never reads the environment. */
import { type BaseApp, buildBaseApp, operatorCheck, registerCompression } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { AppDependencies } from './context.ts';
import { operatorsOnly } from './plugins/operators-only.ts';
import { consoleRoute } from './routes/console.ts';
import { healthRoute } from './routes/health.ts';
import { historyRoute } from './routes/history.ts';
import { liveRoute } from './routes/live.ts';
import { liveWhyRoute } from './routes/live-why.ts';
import { statementsRoute } from './routes/statements.ts';
import { streamRoute } from './routes/stream.ts';

/** A page of the console asks for some ten things at once. */
const BURST_S = 10;

export function buildApp(deps: AppDependencies): BaseApp {
  const { config, limiter, verify } = deps;
  const app = buildBaseApp({
    logger: deps.logger,
    health: deps.health,
    metrics: deps.metrics,
    isOperator: operatorCheck((token, request: FastifyRequest) => verify(token, limiter.addressOf(request.raw))),
    metricsPage: config,
    ...(deps.descriptors && { descriptors: deps.descriptors }),
    ...(deps.observe && { observe: deps.observe }),
    // The consoles' streams never end by themselves; the broadcaster ends them before the server closes.
    server: { forceCloseConnections: 'idle' },
  });
  const requests = {
    policy: 'performance',
    what: 'requests for the performance API',
    perSecond: config.METRICS_REQUESTS_PER_S,
    burstSeconds: BURST_S,
  };
  app.register(async (plain) => {
    const scope = plain as unknown as BaseApp;
    await registerCompression(scope);
    consoleRoute(scope);
    scope.register(
      async (plain) => {
        const performance = plain as unknown as BaseApp;
        performance.addHook('onRequest', operatorsOnly(verify, limiter, requests));
        healthRoute(performance, deps);
        historyRoute(performance, deps);
        statementsRoute(performance, deps);
        streamRoute(performance, deps);
        liveRoute(performance, deps);
        liveWhyRoute(performance, deps);
      },
      { prefix: '/api/v1/performance' },
    );
  });
  return app;
}
