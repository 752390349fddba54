import { connectBus } from '@tidemark/bus';
import { openDatabase, settleAll } from '@tidemark/db';
import { createFileRegistry, fileStoreOptions, openFileStore } from '@tidemark/files';
import { followCatalog, PlanCache } from '@tidemark/plan';
import {
  answerDatabaseInspections,
  busOptions,
  createHealth,
  createLogger,
  createMetrics,
  createObserve,
  createTokenVerifier,
  databaseOptions,
  every,
  httpStats,
  instanceName,
  logReader,
  openDescriptors,
  openTracing,
  type RunningService,
  registerTokenMetrics,
  sharedEventCounter,
  startTelemetry,
  tokenOptions,
} from '@tidemark/service';
import { buildApp } from './app.ts';
import { createCache } from './cache/cache.ts';
import { readStats, registerCacheMetrics, registerSharedMetrics } from './cache/cache-metrics.ts';
import { openSharedLevel } from './cache/shared/open-shared-level.ts';
import { readConfig } from './config.ts';
import { eventLevels, type GatewayEvent } from './events.ts';
import { FAST_PATH_SHARE } from './http/fast-path/record.ts';
import { registerPlanMetrics } from './metrics.ts';
import { registerExportMetrics } from './reply/export/export-metrics.ts';
import { Exporter } from './reply/export/exporter.ts';
import { ReadRequests } from './request/read-requests.ts';
import { startOrphanSweep } from './routes/files/orphan-sweep.ts';
import { Writer } from './writes/writer.ts';

/** Connections that wait to be accepted: Node's 511 is less than a burst of 1,000 clients. The system may have a lower limit. */
const LISTEN_BACKLOG = 4_096;

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = readConfig(env);
  const store = await openFileStore(fileStoreOptions(config));
  const instance = instanceName('gateway', config.INSTANCE);
  const logger = createLogger({ service: 'gateway', instance, level: config.LOG_LEVEL });
  const metrics = createMetrics('gateway');
  const observe = createObserve<GatewayEvent>([logReader(logger, eventLevels), sharedEventCounter(metrics)]);
  const health = createHealth();
  const tracing = await openTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    sampleRatio: config.OTEL_TRACES_SAMPLER_ARG,
    service: 'gateway',
    instance,
    metrics,
    onError: (error) => observe({ type: 'tracing.failed', error }),
  });

  const options = databaseOptions(config);
  const db = await openDatabase({
    ...options,
    applicationName: `tidemark ${instance}`,
    pools: {
      ...options.pools,
      read: { ...options.pools.read, queueTargetMs: config.SHED_QUEUE_MS },
      write: { ...options.pools.write, queueTargetMs: config.SHED_QUEUE_MS },
    },
    answerMaxBytes: config.ANSWER_MAX_BYTES,
    answersTotalBytes: config.ANSWERS_TOTAL_BYTES,
    statementTimeouts: config.statementTimeouts,
    healthyLagMs: config.DB_LAG_HEALTHY_MS,
    unhealthyLagMs: config.DB_LAG_MOST_MS,
    failoverAfterMs: config.DB_FAILOVER_AFTER_MS,
    observe,
  });
  const bus = await connectBus({ ...busOptions(config, 'gateway'), name: instance, observe });
  const answersBytes = Math.ceil(config.CACHE_BYTES * (1 - FAST_PATH_SHARE));
  const shared =
    config.CACHE_BYTES === 0
      ? undefined
      : await openSharedLevel(config, db.pools.admin, (error) => {
          observe({ type: 'cache.shared_failed', error });
        });
  if (shared) registerSharedMetrics(metrics, shared);
  const descriptors = openDescriptors({
    // Connections to Postgres, and the files of uploads.
    own: db.poolStats().reduce((sum, pool) => sum + pool.max, 0) + config.FILES_UPLOADS_MAX,
    // A proxied WebSocket takes two descriptors.
    wanted: config.CONNECTIONS_MAX * (config.realtimeUrls.length > 0 ? 2 : 1),
    metrics,
    observe,
  });
  const cache =
    config.CACHE_BYTES === 0
      ? undefined
      : createCache({
          db,
          bus,
          maxBytes: answersBytes,
          maxEntryBytes: Math.min(config.CACHE_ENTRY_BYTES, answersBytes),
          maxEntries: config.CACHE_MAX_ENTRIES,
          ttlMs: config.CACHE_TTL_MS,
          silenceMs: config.CACHE_SILENCE_MS,
          waitMs: config.CACHE_WAIT_MS,
          publication: config.CACHE_PUBLICATION,
          role: config.DB_ANON_ROLE,
          shared,
          observe,
        });
  if (cache) registerCacheMetrics(metrics, cache);
  const plans = new PlanCache();
  registerPlanMetrics(metrics, plans);
  const exporter = new Exporter(db, {
    max: config.EXPORTS_MAX,
    stallMs: config.EXPORT_STALL_MS,
    timeouts: config.exportTimeouts,
  });
  registerExportMetrics(metrics, exporter, config.EXPORTS_MAX);
  const catalog = await followCatalog({
    pool: db.pools.admin,
    schemas: config.schemas,
    onReload: (loaded) => {
      cache?.dropAll();
      db.schemaChanged().catch((error: Error) => observe({ type: 'gateway.catalog_failed', error }));
      observe({
        type: 'gateway.catalog_reloaded',
        version: loaded.version,
        relations: config.schemas.reduce((sum, schema) => sum + loaded.relations(schema).length, 0),
      });
    },
  });
  const looks = every('catalog', config.CATALOG_INTERVAL_MS, catalog.refresh, ({ error }) =>
    observe({ type: 'gateway.catalog_failed', error }),
  );
  health.add('postgres', () => db.problem());

  const files = { store, registry: createFileRegistry(db.pools.write) };
  const sweep = startOrphanSweep({
    ...files,
    olderThanMs: config.FILES_ORPHAN_AGE_MS,
    onSwept: (swept) => observe({ type: 'gateway.files_swept', ...swept }),
    onError: (error) => observe({ type: 'gateway.files_sweep_failed', error }),
  });
  const verifyToken = createTokenVerifier({ ...tokenOptions(config), observe });
  health.add('tokens', () => verifyToken.problem());
  health.warn('tokens', () => verifyToken.warning());
  registerTokenMetrics(metrics, verifyToken);
  const writer = new Writer({
    config,
    db,
    cache,
    metrics,
    onSweepFailed: (error) => observe({ type: 'gateway.keys_sweep_failed', error }),
  });
  await writer.prepare();
  const app = buildApp({
    config,
    db,
    catalog,
    cache,
    plans,
    writer,
    exporter,
    readRequests: new ReadRequests(),
    files,
    logger,
    health,
    metrics,
    tracing,
    verifyToken,
    descriptors,
    observe,
  });
  const url = await app.listen({ host: config.HOST, port: config.PORT, backlog: LISTEN_BACKLOG });
  const stopInspections = answerDatabaseInspections({ bus, instance, db, verifyToken });
  const telemetry = startTelemetry({
    bus,
    service: 'gateway',
    instance,
    url,
    health,
    sections: () => ({
      http: httpStats(app),
      reads: readStats(db, cache),
      pools: db.poolStats(),
      replicas: db.replicaStats(),
      statements: db.statements(20),
    }),
    observe,
  });
  logger.info({ url }, 'listening');

  async function stopTelemetry() {
    telemetry.stop();
    stopInspections();
    await tracing?.stop();
  }

  async function stopBackgroundWork() {
    await settleAll<unknown>([
      cache?.stop().then(() => shared?.stop()),
      sweep.stop().then(() => files.store.close()),
      looks.stop(),
      writer.stop(),
    ]);
  }

  async function disconnect() {
    await settleAll([bus.close(), db.close(5_000)]);
  }

  return {
    url,
    phases: [
      { name: 'refuse new work', timeoutMs: 1_000, run: () => health.drain('stopping') },
      { name: 'finish requests', timeoutMs: 10_000, run: () => app.close() },
      { name: 'stop telemetry', timeoutMs: 6_000, run: stopTelemetry },
      { name: 'stop background work', timeoutMs: 5_000, run: stopBackgroundWork },
      { name: 'disconnect', timeoutMs: 6_000, run: disconnect },
    ],
  };
}
