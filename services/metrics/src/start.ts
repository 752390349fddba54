/** Connects, composes and listens; gives back how to stop, in order. */
import { connectBus } from '@tidemark/bus';
import { TELEMETRY_MAX_BYTES, Telemetry, telemetrySenderProblem } from '@tidemark/contracts';
import {
  busOptions,
  commaSeparated,
  createHealth,
  createLimiter,
  createLogger,
  createMetrics,
  createObserve,
  createTokenVerifier,
  every,
  httpStats,
  instanceName,
  loadConfig,
  logReader,
  openDescriptors,
  type RunningService,
  registerTokenMetrics,
  sharedEventCounter,
  sharedEventLevels,
  startTelemetry,
  tokenOptions,
} from '@tidemark/service';
import { buildApp } from './app.ts';
import { startCollectors } from './collectors/collectors.ts';
import { connectPostgres } from './collectors/postgres-connection.ts';
import { configSchema } from './config.ts';
import { errors } from './errors.ts';
import { eventLevels, type ServiceEvent } from './events.ts';
import { createHistory } from './history/history.ts';
import { createRegistry } from './instances/registry.ts';
import { registerMetrics } from './metrics.ts';
import { createMonitor } from './monitor/monitor.ts';
import { registerTelemetryGauges } from './monitor/telemetry-gauges.ts';
import { createBroadcaster } from './stream/broadcaster.ts';

const TICK_MS = 1_000;
/** Connections of those who look at its health, its metrics and the console's files. */
const PROBES = 64;
/** Seven collectors of one statement at a time each, and the router's own polling. */
const ADMIN_POOL = { min: 1, max: 4, waitingLimit: 32 };
/** This service neither writes nor reads for anybody. */
const UNUSED_POOL = { min: 0, max: 1, waitingLimit: 8 };

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = loadConfig(configSchema, env);
  const instance = instanceName('metrics', config.INSTANCE);
  const logger = createLogger({ service: 'metrics', instance, level: config.LOG_LEVEL });
  const metrics = createMetrics('metrics');
  const observe = createObserve<ServiceEvent>([
    logReader(logger, { ...sharedEventLevels, ...eventLevels }),
    sharedEventCounter(metrics),
  ]);
  const health = createHealth();
  const bus = await connectBus({ ...busOptions(config, 'metrics'), name: instance, observe });
  const postgres = await connectPostgres({
    primaryUrl: config.DATABASE_URL,
    applicationName: `tidemark/${instance}`,
    pools: { admin: ADMIN_POOL, write: UNUSED_POOL, read: UNUSED_POOL, analytics: UNUSED_POOL },
    observe,
  }).catch(async (error: unknown) => {
    await bus.close();
    throw error;
  });

  const registry = createRegistry({
    limit: config.METRICS_INSTANCES_MAX,
    lostAfterMs: config.METRICS_LOST_AFTER_MS,
    dropAfterMs: config.METRICS_DROP_AFTER_MS,
  });
  const history = createHistory({ ticks: config.METRICS_HISTORY_SECONDS, maxBytes: config.METRICS_HISTORY_MAX_BYTES });
  const collectors = startCollectors(postgres, bus, observe);
  const monitor = createMonitor({
    registry,
    history,
    instancesMax: config.METRICS_INSTANCES_MAX,
    collectors,
    limits: {
      expected: config.METRICS_EXPECT === 'none' ? [] : commaSeparated(config.METRICS_EXPECT),
      replicaLagMs: config.METRICS_REPLICA_LAG_ALERT_MS,
      slotBytes: config.METRICS_SLOT_ALERT_BYTES,
      transactionMs: config.METRICS_TRANSACTION_ALERT_MS,
    },
    observe,
  });
  const broadcaster = createBroadcaster({
    limit: config.METRICS_STREAM_CLIENTS_MAX,
    stallMs: config.METRICS_STREAM_STALL_MS,
    observe,
  });
  registerMetrics(metrics, { registry, history, broadcaster });
  registerTelemetryGauges(metrics, monitor.health);
  const descriptors = openDescriptors({
    own: ADMIN_POOL.max + 3 * UNUSED_POOL.max,
    wanted: config.METRICS_STREAM_CLIENTS_MAX + PROBES,
    metrics,
    observe,
  });
  const verify = createTokenVerifier({ ...tokenOptions(config), observe });
  const limiter = createLimiter(config, metrics);
  const app = buildApp({
    config,
    logger,
    health,
    metrics,
    limiter,
    verify: limiter.limitBadTokens(verify),
    monitor,
    history,
    collectors,
    broadcaster,
    bus,
    descriptors,
    observe,
  });

  // Ready means: it can answer. That Postgres is down is what it is there to say, so it is no reason to take it away.
  health.add('nats', () => bus.problem());
  health.add('tokens', () => verify.problem());
  health.warn('tokens', () => verify.warning());
  registerTokenMetrics(metrics, verify);
  const subscription = bus.subscribe<Telemetry>(
    bus.subjects.allTelemetry,
    (telemetry) => monitor.record(telemetry, Date.now()),
    {
      schema: Telemetry,
      maxBytes: TELEMETRY_MAX_BYTES,
      check: (telemetry: Telemetry, subject) => telemetrySenderProblem(bus.subjects, subject, telemetry),
    },
  );
  const interval = every(
    'monitor',
    TICK_MS,
    () => {
      const answer = monitor.tick(Date.now());
      if (broadcaster.stats().clients > 0) broadcaster.send('health', JSON.stringify(answer), answer.at);
    },
    observe,
  );
  const disconnect = async () => {
    interval.stop();
    subscription.unsubscribe();
    await collectors.stop();
    await postgres.close();
    await bus.close();
  };

  const { HOST: host, PORT: port } = config;
  const url = await app.listen({ host, port }).catch(async (cause: Error) => {
    await disconnect();
    throw errors.CANNOT_LISTEN({ host, port, reason: cause.message }, { cause });
  });
  logger.info({ url }, 'listening');
  const telemetry = startTelemetry({
    bus,
    service: 'metrics',
    instance,
    url,
    health,
    sections: () => ({ http: httpStats(app), pools: postgres.poolStats() }),
    observe,
  });

  return {
    url,
    phases: [
      { name: 'not ready', timeoutMs: 100, run: () => health.drain('shutting down') },
      { name: 'end the streams', timeoutMs: 1_000, run: () => broadcaster.close() },
      { name: 'stop listening', timeoutMs: 3_000, run: () => app.close() },
      { name: 'stop telemetry', timeoutMs: 100, run: () => telemetry.stop() },
      { name: 'stop collecting, disconnect', timeoutMs: 12_000, run: disconnect },
    ],
  };
}
