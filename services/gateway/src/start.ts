/** Starts the service: connects, composes the app, listens, and returns the phases that stop it. */
import { settleAll } from '@tidemark/db';
import { fileStoreOptions, openFileStore } from '@tidemark/files';
import {
  answerDatabaseInspections,
  createServiceBase,
  createTokenVerifier,
  openServiceTracing,
  type RunningService,
  registerTokenMetrics,
  startTelemetry,
  tokenOptions,
} from '@tidemark/service';
import { buildApp } from './app.ts';
import { openCache } from './cache/open-cache.ts';
import { readConfig } from './config.ts';
import { connect } from './connect.ts';
import { eventLevels, type GatewayEvent } from './events.ts';
import { answerRequestInspections } from './http/requests/inspect-requests.ts';
import { samplePoolHolders } from './http/requests/pool-holders.ts';
import { RequestRecords } from './http/requests/request-records.ts';
import { TrafficWindows } from './http/requests/traffic-windows.ts';
import { telemetrySections } from './metrics.ts';
import { openCatalog } from './open-catalog.ts';
import { openExporter } from './reply/export/open-exporter.ts';
import { createAskAtOnce } from './request/ask-at-once.ts';
import { ReadRequests } from './request/read-requests.ts';
import { startFiles } from './routes/files/start-files.ts';
import { Writer } from './writes/writer.ts';

/** Connections that wait to be accepted: Node's 511 is less than a burst of 1,000 clients. The system may have a lower limit. */
const LISTEN_BACKLOG = 4_096;

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = readConfig(env);
  const store = await openFileStore(fileStoreOptions(config));
  const base = createServiceBase<GatewayEvent>('gateway', config, eventLevels);
  const { instance, logger, metrics, observe, health } = base;
  const tracing = await openServiceTracing(config, base);
  if (config.ignoredSettings.length > 0) observe({ type: 'gateway.settings_ignored', names: config.ignoredSettings });

  const { db, bus, descriptors } = await connect(config, base);
  const { cache, stop: stopCache } = await openCache({ config, db, bus, metrics, observe });
  const { catalog, plans, stopCatalog } = await openCatalog({ config, db, cache, metrics, observe });
  const { files, stop: stopFiles } = startFiles({ config, store, pool: db.pools.write, observe });
  const onSweepFailed = (error: Error) => observe({ type: 'gateway.keys_sweep_failed', error });
  const writer = new Writer({ config, db, cache, metrics, onSweepFailed });
  await writer.prepare();
  const verifyToken = createTokenVerifier({
    ...tokenOptions({ ...config, JWT_ROLES: config.tokenRoles }),
    keysOptional: config.keysOptional,
    observe,
  });
  registerTokenMetrics(metrics, verifyToken);
  health.add('postgres', () => db.problem());
  health.add('tokens', () => verifyToken.problem());
  health.warn('tokens', () => verifyToken.warning());
  const records = new RequestRecords();
  const holders = samplePoolHolders(db, observe);
  const traffic = new TrafficWindows();
  const app = buildApp({
    ...base,
    requests: { records, holders, traffic, slowMs: config.DB_SLOW_MS || Number.POSITIVE_INFINITY },
    config,
    db,
    catalog,
    cache,
    plans,
    writer,
    exporter: openExporter(config, db, metrics),
    readRequests: new ReadRequests(),
    atOnce: createAskAtOnce(bus, config, metrics),
    files,
    tracing,
    verifyToken,
    descriptors,
  });
  const url = await app.listen({ host: config.HOST, port: config.PORT, backlog: LISTEN_BACKLOG });
  const stopDatabaseInspections = answerDatabaseInspections({
    bus,
    instance,
    db,
    verifyToken,
    inspectHeap: config.INSPECT_HEAP,
  });
  const stopRequestInspections = answerRequestInspections({ bus, instance, records, verifyToken });
  const sections = telemetrySections(app, db, cache, traffic, config.CACHE_BYTES);
  const memory = cache ? [{ name: 'cache', bytes: () => cache.stats().bytes, giveBack: () => cache.dropAll() }] : [];
  const telemetry = startTelemetry({ ...base, bus, url, config, sections, memory });
  logger.info({ url }, 'listening');

  const stopTelemetry = async () => {
    telemetry.stop();
    holders.stop();
    stopDatabaseInspections();
    stopRequestInspections();
    await tracing?.stop();
  };
  const stopBackgroundWork = async () => {
    await settleAll<unknown>([stopCache(), stopFiles(), stopCatalog(), writer.stop()]);
  };
  const disconnect = async () => {
    await settleAll([bus.close(), db.close(5_000)]);
  };
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
