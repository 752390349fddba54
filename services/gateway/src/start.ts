/** Opens what the gateway needs, builds the app, listens; and says how to close it all in order. */
import { connectBus } from '@tidemark/bus';
import { openDatabase } from '@tidemark/db';
import { createFileRegistry, createLocalFileStore } from '@tidemark/files';
import {
  createHealth,
  createLogger,
  createMetrics,
  createObserve,
  createTokenVerifier,
  httpStats,
  logReader,
  type RunningService,
  sharedEventCounter,
  startTelemetry,
} from '@tidemark/service';
import { buildApp } from './app.ts';
import { followCatalog } from './catalog/follow.ts';
import { readConfig } from './config.ts';
import { eventLevels, type GatewayEvent } from './events.ts';

export async function start(env: NodeJS.ProcessEnv, pid: number): Promise<RunningService> {
  const config = readConfig(env);
  const instance = config.INSTANCE || `gateway-${pid}`;
  const logger = createLogger({ service: 'gateway', instance, level: config.LOG_LEVEL });
  const metrics = createMetrics('gateway');
  const observe = createObserve<GatewayEvent>([logReader(logger, eventLevels), sharedEventCounter(metrics)]);
  const health = createHealth();

  const db = await openDatabase({
    primaryUrl: config.DATABASE_URL,
    replicaUrls: config.replicaUrls,
    applicationName: `tidemark ${instance}`,
    pools: { read: { max: config.DB_READ_POOL_MAX }, write: { max: config.DB_WRITE_POOL_MAX } },
    observe,
  });
  const bus = await connectBus({ url: config.NATS_URL, name: instance, prefix: config.NATS_PREFIX, observe });
  const catalog = await followCatalog({
    pool: db.pools.admin,
    schemas: config.schemas,
    intervalMs: config.CATALOG_INTERVAL_MS,
    onReload: (loaded) =>
      observe({
        type: 'gateway.catalog_reloaded',
        version: loaded.version,
        relations: config.schemas.reduce((sum, schema) => sum + loaded.relations(schema).length, 0),
      }),
    onError: (error) => observe({ type: 'gateway.catalog_failed', error }),
  });
  health.add('postgres', () => db.problem());

  const files = {
    store: createLocalFileStore({ dir: config.TIDEMARK_FILES_DIR }),
    registry: createFileRegistry(db.pools.write),
  };
  const verifyToken = createTokenVerifier({ secret: config.JWT_SECRET });
  const app = await buildApp({ config, db, catalog, files, logger, health, metrics, verifyToken });
  const url = await app.listen({ host: config.HOST, port: config.PORT });
  const telemetry = startTelemetry({
    bus,
    service: 'gateway',
    instance,
    url,
    health,
    sections: () => ({
      http: httpStats(app),
      reads: db.readStats(),
      pools: db.poolStats(),
      replicas: db.replicaStats(),
    }),
  });
  logger.info({ url }, 'listening');

  return {
    url,
    phases: [
      { name: 'refuse new work', timeoutMs: 1_000, run: () => health.drain('stopping') },
      { name: 'finish requests', timeoutMs: 10_000, run: () => app.close() },
      { name: 'telemetry', timeoutMs: 1_000, run: () => telemetry.stop() },
      { name: 'catalog', timeoutMs: 1_000, run: () => catalog.stop() },
      { name: 'bus', timeoutMs: 3_000, run: () => bus.close() },
      { name: 'database', timeoutMs: 6_000, run: () => db.close(5_000) },
    ],
  };
}
