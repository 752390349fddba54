/** Starts the service: connects, composes the app, listens, and returns the phases that stop it. */
import {
  answerDatabaseInspections,
  commaSeparated,
  createLimiter,
  createServiceBase,
  createTokenVerifier,
  httpStats,
  loadConfig,
  type RunningService,
  registerTokenMetrics,
  startTelemetry,
  tokenOptions,
} from '@tidemark/service';
import { checkAlertUrls } from './alerts/start-alerts.ts';
import { buildApp } from './app.ts';
import { checkCertificateUrls } from './collectors/certificates.ts';
import { configSchema } from './config.ts';
import { connect } from './connect.ts';
import { errors } from './errors.ts';
import { eventLevels, type ServiceEvent } from './events.ts';
import { registerMetrics } from './metrics.ts';
import { type RunningMonitor, startMonitor } from './monitor/start-monitor.ts';
import { registerTelemetryGauges } from './monitor/telemetry-gauges.ts';
import { createBroadcaster } from './stream/broadcaster.ts';

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = loadConfig(configSchema, env);
  checkAlertUrls(config);
  checkCertificateUrls(commaSeparated(config.METRICS_CERTIFICATE_URLS));
  const base = createServiceBase<ServiceEvent>('metrics', config, eventLevels);
  const { instance, logger, metrics, observe, health } = base;
  const verifier = createTokenVerifier({ ...tokenOptions(config), observe });
  registerTokenMetrics(metrics, verifier);
  const limiter = createLimiter(config, metrics);
  const broadcaster = createBroadcaster({
    limit: config.METRICS_STREAM_CLIENTS_MAX,
    stallMs: config.METRICS_STREAM_STALL_MS,
    observe,
  });
  const connected = await connect(config, base);
  const { bus, postgres, analyzer, actionPool, descriptors, disconnect } = connected;
  let running: RunningMonitor | undefined;
  try {
    running = startMonitor({ config, bus, instance, postgres, actionPool, broadcaster, observe });
    const { monitor, registry, history, latencies, collectors, pace, alerts, actions, timeline, store, publishTopics } =
      running;
    registerMetrics(metrics, { registry, history, latencies, broadcaster, alerts, timeline, store });
    registerTelemetryGauges(metrics, monitor.health);
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
      ...base,
      ...parts,
      onAsked: () => pace.note(),
      config,
      bus,
      postgres,
      verifyToken,
      limiter,
      descriptors,
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
    const sections = () => ({ http: httpStats(app), pools: postgres.poolStats() });
    const stopInspections = answerDatabaseInspections({
      bus,
      instance,
      db: postgres.inspected,
      verifyToken: verifier,
      inspectHeap: config.INSPECT_HEAP,
    });
    const telemetry = startTelemetry({ ...base, bus, url, config, sections });
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
