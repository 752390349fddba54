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
import type { Batch } from './batch.ts';
import type { BatchConfig } from './config.ts';
import type { BatchEvent } from './events.ts';

export interface AppDeps {
  config: BatchConfig;
  logger: Logger;
  health: Health;
  metrics: Metrics;
  batch: Batch;
  descriptors: Descriptors;
  observe: (event: BatchEvent) => void;
}

/** Serves health and metrics only, because jobs are rows, not requests. */
export function buildApp({ config, logger, health, metrics, batch, descriptors, observe }: AppDeps): BaseApp {
  health.add('database', () => batch.database.problem());
  health.add('nats', () => batch.bus.problem());
  health.add('queue', () => batch.runner.problem());
  health.add('sweeper', () => batch.sweeper.problem());
  health.add('threads', () => batch.threads.problem());

  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (g) => g.set(value()));
  gauge('tidemark_batch_threads_busy', 'Worker threads with a task', () => batch.threads.busy());
  gauge('tidemark_batch_threads_waiting', 'Tasks that wait for a thread', () => batch.threads.waiting());
  gauge('tidemark_batch_threads_replaced', 'Threads replaced since the start', () => batch.threads.recycledTotal());
  gauge('tidemark_batch_chunks_in_flight', 'Chunks taken from the queue', () => batch.runner.inFlight());
  gauge('tidemark_batch_decoded_bytes', 'Decoded bytes admitted', () => batch.admission.admittedBytes());
  gauge('tidemark_batch_decoded_limit_bytes', 'Decoded bytes that may be', () => batch.admission.limitBytes);
  gauge('tidemark_batch_admission_waiting', 'Images that wait for memory', () => batch.admission.waiting());

  const isOperator = operators(config, metrics);
  return buildBaseApp({
    logger,
    health,
    metrics,
    metricsPage: config,
    ...(isOperator ? { isOperator } : {}),
    descriptors,
    observe,
  });
}

/** Returns undefined without keys: the service verifies tokens for /metrics and /readyz only, and runs without them. */
function operators(config: BatchConfig, metrics: Metrics): ((request: FastifyRequest) => Promise<boolean>) | undefined {
  if (!config.JWT_SECRET && !config.JWT_JWKS && !config.JWT_JWKS_URL) return undefined;
  const limiter = createLimiter(config, metrics);
  const verify = limiter.limitBadTokens(createTokenVerifier(tokenOptions(config)));
  return operatorCheck((token, request) => verify(token, limiter.addressOf(request.raw)));
}
