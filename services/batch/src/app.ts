import {
  type BaseApp,
  buildBaseApp,
  createLimiter,
  type Descriptors,
  operatorCheck,
  type ServiceBase,
  type TokenVerifier,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { Config } from './config.ts';
import type { BatchEvent } from './events.ts';

export interface AppDependencies extends ServiceBase<BatchEvent> {
  readonly config: Config;
  readonly descriptors: Descriptors;
  /** Undefined: nobody is an operator. */
  readonly verifyToken: TokenVerifier | undefined;
}

export function buildApp(deps: AppDependencies): BaseApp {
  const isOperator = operators(deps);
  return buildBaseApp({ ...deps, metricsPage: deps.config, ...(isOperator ? { isOperator } : {}) });
}

/** The service verifies tokens of operators only, and runs without keys, too. */
export const hasKeys = ({ JWT_SECRET, JWT_JWKS, JWT_JWKS_URL }: Config): boolean =>
  Boolean(JWT_SECRET || JWT_JWKS || JWT_JWKS_URL);

function operators({ config, metrics, verifyToken }: AppDependencies) {
  if (!verifyToken) return undefined;
  const limiter = createLimiter(config, metrics);
  const verify = limiter.limitBadTokens(verifyToken);
  return operatorCheck((token, request: FastifyRequest) => verify(token, limiter.addressOf(request.raw)));
}
