import {
  type BaseApp,
  buildBaseApp,
  createLimiter,
  createTokenVerifier,
  type Descriptors,
  type Health,
  type Logger,
  type Metrics,
  operatorCheck,
  tokenOptions,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { Config } from './config.ts';
import type { BatchEvent } from './events.ts';

export interface AppDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly descriptors: Descriptors;
  readonly observe: (event: BatchEvent) => void;
}

export function buildApp(deps: AppDependencies): BaseApp {
  const isOperator = operators(deps.config, deps.metrics);
  return buildBaseApp({ ...deps, metricsPage: deps.config, ...(isOperator ? { isOperator } : {}) });
}

/** The service verifies tokens for /metrics and /readyz only, and runs without keys, too. */
function operators(config: Config, metrics: Metrics): ((request: FastifyRequest) => Promise<boolean>) | undefined {
  if (!config.JWT_SECRET && !config.JWT_JWKS && !config.JWT_JWKS_URL) return undefined;
  const limiter = createLimiter(config, metrics);
  const verify = limiter.limitBadTokens(createTokenVerifier(tokenOptions(config)));
  return operatorCheck((token, request) => verify(token, limiter.addressOf(request.raw)));
}
