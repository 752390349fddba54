/** Starts the service: connects, composes the app, listens, and returns the phases that stop it. */
import {
  answerDatabaseInspections,
  createServiceBase,
  createTokenVerifier,
  databaseAliases,
  httpStats,
  loadConfig,
  openServiceTracing,
  type RunningService,
  registerTokenMetrics,
  startTelemetry,
  tokenOptions,
} from '@tidemark/service';
import { buildApp, hasKeys } from './app.ts';
import { type Batch, startBatch } from './batch.ts';
import { configSchema, workerSizes } from './config.ts';
import { connect } from './connect.ts';
import { type BatchEvent, eventLevels } from './events.ts';
import { showShares } from './fairness/shares.ts';
import { registerMetrics } from './metrics.ts';
import { createWorkerCounts } from './worker-stats.ts';

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = loadConfig(configSchema, env, databaseAliases);
  const { threads } = workerSizes(config);
  const counted = createServiceBase<BatchEvent>('batch', config, eventLevels);
  const { instance, metrics, health } = counted;
  const counts = createWorkerCounts(metrics);
  const observe = (event: BatchEvent) => {
    counted.observe(event);
    counts.read(event);
  };
  const base = { ...counted, observe };
  const tracing = await openServiceTracing(config, base);
  const verifyToken = hasKeys(config) ? createTokenVerifier({ ...tokenOptions(config), observe }) : undefined;
  const { database, leaseDatabase, bus, descriptors } = await connect(config, base);
  let batch: Batch | undefined;
  const disconnect = async () => {
    await tracing?.stop();
    await bus.close();
    await database.close(4_000);
  };
  try {
    const workerFile = new URL('./workers/kind-worker.js', import.meta.url);
    const engine = await startBatch({ config, instance, database, leaseDatabase, bus, tracing, workerFile, observe });
    batch = engine;
    registerMetrics(metrics, engine);
    const shares = showShares({ pool: database.pools.write, work: engine.work, metrics, observe });
    const app = buildApp({ ...base, config, descriptors, verifyToken });
    health.add('database', () => database.problem());
    health.add('nats', () => bus.problem());
    health.add('queue', () => engine.runner.problem());
    health.add('sweeper', () => engine.sweeper.problem());
    health.add('leases', () => engine.leases.problem());
    health.add('files', () => engine.storeGate.problem());
    health.add('workers', () => engine.workers.problem());
    if (verifyToken) {
      registerTokenMetrics(metrics, verifyToken);
      // Jobs run without tokens, so that only operators miss the keys.
      health.warn('tokens', () => verifyToken.problem() ?? verifyToken.warning());
    }
    const url = await app.listen({ host: config.HOST, port: config.PORT });
    const workers = () => counts.stats(engine.workers, threads, engine.admission);
    const sections = () => ({
      http: httpStats(app),
      pools: database.poolStats(),
      statements: database.statements(20),
      workers: workers(),
    });
    const stopInspections =
      verifyToken &&
      answerDatabaseInspections({
        bus,
        instance,
        db: database,
        verifyToken,
        inspectHeap: config.INSPECT_HEAP,
        workers: engine.workers,
      });
    const telemetry = startTelemetry({ ...base, bus, url, config, sections });
    const stopTelemetry = () => {
      shares.stop();
      telemetry.stop();
      stopInspections?.();
    };
    const refuse = async () => {
      health.drain('stopping');
      await engine.stopTaking();
    };
    const finish = async () => {
      const deadline = setTimeout(() => {
        engine.handler.handBackAll();
        void engine.workers.close();
      }, config.BATCH_SHUTDOWN_MS);
      await engine.runner.idle();
      clearTimeout(deadline);
      await app.close();
    };
    return {
      url,
      phases: [
        { name: 'refuse new work', timeoutMs: 5_000, run: refuse },
        { name: 'finish requests', timeoutMs: config.BATCH_SHUTDOWN_MS + 8_000, run: finish },
        { name: 'stop telemetry', timeoutMs: 100, run: stopTelemetry },
        { name: 'stop background work', timeoutMs: 15_000, run: () => engine.close() },
        { name: 'disconnect', timeoutMs: 15_000, run: disconnect },
      ],
    };
  } catch (error) {
    await batch?.close();
    await disconnect();
    throw error;
  }
}
