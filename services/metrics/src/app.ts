/** The HTTP side of the service: composes the app, never listens, never reads the environment. */
import {
  type BaseApp,
  buildBaseApp,
  type Descriptors,
  type Limiter,
  operatorCheck,
  registerCompression,
  type ServiceBase,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { RouteContext } from './context.ts';
import type { ServiceEvent } from './events.ts';
import { operatorsOnly } from './plugins/operators-only.ts';
import { consoleFiles } from './routes/console.ts';
import { createConsoleCodes, issueConsoleCode, redeemConsoleCode } from './routes/console-codes.ts';
import { aliases, performanceApi } from './routes/performance-api.ts';

export interface AppDependencies extends RouteContext, ServiceBase<ServiceEvent> {
  readonly limiter: Limiter;
  readonly descriptors: Descriptors;
}

export function buildApp(deps: AppDependencies): BaseApp {
  const { config, limiter, verifyToken } = deps;
  const app = buildBaseApp({
    ...deps,
    isOperator: operatorCheck((token, request: FastifyRequest) => verifyToken(token, limiter.addressOf(request.raw))),
    metricsPage: config,
    // Event streams do not end by themselves; the broadcaster ends them before the server closes.
    server: { forceCloseConnections: 'idle' },
  });
  app.register(async (scope: BaseApp) => {
    await registerCompression(scope);
    const codes = createConsoleCodes();
    scope.register(consoleFiles);
    scope.register(redeemConsoleCode, { codes, limiter });
    scope.register(async (operators: BaseApp) => {
      const requestsPerSecond = config.METRICS_REQUESTS_PER_S;
      await operators.register(operatorsOnly, { verifyToken, limiter, requestsPerSecond });
      operators.register(issueConsoleCode, { codes, verifyToken, limiter });
      operators.register(performanceApi, { ...deps, prefix: '/api/v1/performance' });
      operators.register(aliases, { ...deps, prefix: '/api/metrics' });
    });
  });
  return app;
}
