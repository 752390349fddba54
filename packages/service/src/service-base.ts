/** The parts with which every service starts. */
import type { ServiceName } from '@tidemark/contracts';
import type { Level } from 'pino';
import { createHealth, type Health } from './health.ts';
import { instanceName } from './instance-name.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createObserve, logReader, type Observe } from './observe.ts';
import { type SharedEvent, sharedEventCounter, sharedEventLevels } from './shared-events.ts';
import { type TracingConfig, tracingOptions } from './tracing/config.ts';
import { openTracing, type Tracing } from './tracing/tracing.ts';

export interface ServiceBase<E> {
  readonly service: ServiceName;
  readonly instance: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Logs and counts an event. */
  readonly observe: Observe<E>;
  readonly health: Health;
}

/** `ownLevels` are the log levels of the events that only this service has. */
export function createServiceBase<E extends { type: string }>(
  service: ServiceName,
  config: { readonly INSTANCE: string; readonly LOG_LEVEL: string },
  ownLevels: Readonly<Record<Exclude<E['type'], SharedEvent['type']>, Level | undefined>>,
): ServiceBase<E> {
  const instance = instanceName(service, config.INSTANCE);
  const logger = createLogger({ service, instance, level: config.LOG_LEVEL });
  const metrics = createMetrics(service);
  const levels = { ...sharedEventLevels, ...ownLevels } as Readonly<Record<E['type'], Level | undefined>>;
  const observe = createObserve<E>([logReader(logger, levels), sharedEventCounter(metrics)]);
  return { service, instance, logger, metrics, observe, health: createHealth() };
}

/** Returns undefined without a collector. */
export function openServiceTracing(
  config: TracingConfig,
  { service, instance, metrics, observe }: ServiceBase<SharedEvent>,
): Promise<Tracing | undefined> {
  const onError = (error: Error) => observe({ type: 'tracing.failed', error });
  return openTracing({ ...tracingOptions(config), service, instance, metrics, onError });
}
