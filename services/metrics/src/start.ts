import { connectBus } from '@tidemark/bus';
import { openPool } from '@tidemark/db';
import {
  answerDatabaseInspections,
  busOptions,
  commaSeparated,
  createHealth,
  createLimiter,
  createLogger,
  createMetrics,
  createObserve,
  createTokenVerifier,
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
import { checkAlertUrls } from './alerts/start-alerts.ts';
import { createAnalyzer } from './analyze/analyzer.ts';
import { buildApp } from './app.ts';
import { checkCertificateUrls } from './collectors/certificates.ts';
import { connectPostgres, type InspectedConnection } from './collectors/postgres-connection.ts';
import { configSchema } from './config.ts';
import { errors } from './errors.ts';
import { eventLevels, type ServiceEvent } from './events.ts';
import { registerMetrics } from './metrics.ts';
import { type RunningMonitor, startMonitor } from './monitor/start-monitor.ts';
import { registerTelemetryGauges } from './monitor/telemetry-gauges.ts';
import { createBroadcaster } from './stream/broadcaster.ts';

const PROBE_CONNECTIONS = 64;
/** Two connections that are opened at the start and kept: when others take all of max_connections, this service still sees who. */
const ADMIN_POOL = { min: 2, max: 2, waitingLimit: 32, lifetimeMs: Number.MAX_SAFE_INTEGER };
/** A statistic that waits for a lock would be late, and others would queue behind its lock. */
const SESSION_SETTINGS = { lock_timeout: '100ms' };
/** One remedy at a time, with the rights of ops. */
const ACTION_POOL = { min: 0, max: 1, waitingLimit: 4 };
/** openDatabase makes these pools, too; this service runs no statements on them. */
const UNUSED_POOL = { min: 0, max: 1, waitingLimit: 8 };

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = loadConfig(configSchema, env);
  checkAlertUrls(config);
  checkCertificateUrls(commaSeparated(config.METRICS_CERTIFICATE_URLS));
  const instance = instanceName('metrics', config.INSTANCE);
  const logger = createLogger({ service: 'metrics', instance, level: config.LOG_LEVEL });
  const metrics = createMetrics('metrics');
  const observe = createObserve<ServiceEvent>([
    logReader(logger, { ...sharedEventLevels, ...eventLevels }),
    sharedEventCounter(metrics),
  ]);
  const health = createHealth();
  const verifier = createTokenVerifier({ ...tokenOptions(config), observe });
  registerTokenMetrics(metrics, verifier);
  const limiter = createLimiter(config, metrics);
  const broadcaster = createBroadcaster({
    limit: config.METRICS_STREAM_CLIENTS_MAX,
    stallMs: config.METRICS_STREAM_STALL_MS,
    observe,
  });
  const bus = await connectBus({ ...busOptions(config, 'metrics'), name: instance, observe });
  let postgres: InspectedConnection | undefined;
  const { METRICS_ANALYZE_URL: analyzeUrl } = config;
  const analyzer = analyzeUrl === '' ? undefined : createAnalyzer(analyzeUrl, `tidemark/${instance}`);
  const actionPool =
    config.METRICS_ACTIONS === 'off'
      ? undefined
      : openPool({
          url: config.DATABASE_URL,
          name: 'actions',
          applicationName: `tidemark/${instance}`,
          settings: { ...SESSION_SETTINGS, role: 'ops' },
          options: ACTION_POOL,
          observe,
        });
  let running: RunningMonitor | undefined;
  const disconnect = async () => {
    await Promise.all([postgres?.close(), analyzer?.close(), actionPool?.close()]);
    await bus.close();
  };
  try {
    postgres = await connectPostgres(
      {
        primaryUrl: config.DATABASE_DIRECT_URL || config.DATABASE_URL,
        applicationName: `tidemark/${instance}`,
        settings: SESSION_SETTINGS,
        pools: { admin: ADMIN_POOL, write: UNUSED_POOL, read: UNUSED_POOL, analytics: UNUSED_POOL },
        observe,
      },
      commaSeparated(config.DATABASE_REPLICA_URLS),
    );
    running = startMonitor({ config, bus, instance, postgres, actionPool, broadcaster, observe });
    const { monitor, registry, history, latencies, collectors, pace, alerts, actions, timeline, store, publishTopics } =
      running;
    registerMetrics(metrics, { registry, history, latencies, broadcaster, alerts, timeline, store });
    registerTelemetryGauges(metrics, monitor.health);
    const descriptors = openDescriptors({
      own: ADMIN_POOL.max + 3 * UNUSED_POOL.max + ACTION_POOL.max,
      wanted: config.METRICS_STREAM_CLIENTS_MAX + PROBE_CONNECTIONS,
      metrics,
      observe,
    });
    const verifyToken = limiter.limitBadTokens(verifier);
    const parts = {
      monitor,
      history,
      latencies,
      collectors,
      broadcaster,
      alerts,
      actions,
      timeline,
      analyzer,
      publishTopics,
    };
    const app = buildApp({
      ...parts,
      onAsked: () => pace.note(),
      config,
      bus,
      postgres,
      verifyToken,
      logger,
      health,
      metrics,
      limiter,
      descriptors,
      observe,
    });
    // There is no check of Postgres: to report that Postgres is down, the service must stay ready.
    health.add('nats', () => bus.problem());
    health.add('tokens', () => verifier.problem());
    health.warn('tokens', () => verifier.warning());

    const { HOST: host, PORT: port } = config;
    const url = await app.listen({ host, port }).catch((cause: Error) => {
      throw errors.CANNOT_LISTEN({ host, port, reason: cause.message }, { cause });
    });
    logger.info({ url }, 'listening');
    const sections = () => ({ http: httpStats(app), pools: postgres?.poolStats() ?? [] });
    const stopInspections = answerDatabaseInspections({
      bus,
      instance,
      db: postgres.inspected,
      verifyToken: verifier,
      inspectHeap: config.INSPECT_HEAP,
    });
    const telemetry = startTelemetry({ bus, service: 'metrics', instance, url, health, config, sections, observe });
    const stopTelemetry = () => {
      telemetry.stop();
      stopInspections();
    };
    const finishRequests = async () => {
      broadcaster.close();
      await app.close();
    };
    return {
      url,
      phases: [
        { name: 'refuse new work', timeoutMs: 100, run: () => health.drain('stopping') },
        { name: 'finish requests', timeoutMs: 4_000, run: finishRequests },
        { name: 'stop telemetry', timeoutMs: 100, run: stopTelemetry },
        { name: 'stop background work', timeoutMs: 11_000, run: running.stop },
        { name: 'disconnect', timeoutMs: 5_000, run: disconnect },
      ],
    };
  } catch (error) {
    await running?.stop();
    await disconnect();
    throw error;
  }
}
