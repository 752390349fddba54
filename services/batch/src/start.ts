import { connectBus } from '@tidemark/bus';
import { openDatabase } from '@tidemark/db';
import {
  busOptions,
  createHealth,
  createLogger,
  createMetrics,
  createObserve,
  databaseAliases,
  databaseOptions,
  httpStats,
  instanceName,
  loadConfig,
  logReader,
  openDescriptors,
  type Phase,
  type RunningService,
  sharedEventCounter,
  startTelemetry,
} from '@tidemark/service';
import { buildApp } from './app.ts';
import { startBatch } from './batch.ts';
import { batchConfig, threadCount } from './config.ts';
import { type BatchEvent, eventLevels } from './events.ts';
import { createWorkerCounts } from './worker-stats.ts';

/** Connections for planner, sweeper, leases and progress, beside those for the results of the threads' chunks. */
const SPARE_CONNECTIONS = 4;
/** File descriptors of a thread: its event loop, and the files that it reads and writes. */
const DESCRIPTORS_PER_THREAD = 16;
/** File descriptors for requests of health and metrics. */
const PROBES = 64;

export async function start(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const config = loadConfig(batchConfig, env, databaseAliases);
  const threads = threadCount(config.BATCH_THREADS, env.UV_THREADPOOL_SIZE);
  const instance = instanceName('batch', config.INSTANCE);
  const logger = createLogger({ service: 'batch', instance, level: config.LOG_LEVEL });
  const metrics = createMetrics('batch');
  const health = createHealth();
  const counts = createWorkerCounts(metrics);
  const observe = createObserve<BatchEvent>([logReader(logger, eventLevels), sharedEventCounter(metrics), counts.read]);

  const options = databaseOptions(config);
  const database = await openDatabase({
    ...options,
    applicationName: `tidemark ${instance}`,
    // The default is the number of connections that the service uses.
    pools: { ...options.pools, write: { max: threads + 1 + SPARE_CONNECTIONS, ...options.pools.write } },
    observe,
  });
  const closers: Phase[] = [];
  const undo = async () => {
    for (const { run } of closers) await run();
  };
  closers.unshift({ name: 'close the database', timeoutMs: 5_000, run: () => database.close(4_000) });
  try {
    const bus = await connectBus({ ...busOptions(config, 'batch'), name: `tidemark ${instance}`, observe });
    closers.unshift({ name: 'close NATS', timeoutMs: 4_000, run: () => bus.close() });
    const batch = await startBatch({
      ...{ config, threadCount: threads, instance, database, bus, observe },
      workerFile: new URL('./workers/kind-worker.js', import.meta.url),
    });
    closers.unshift({ name: 'end the threads', timeoutMs: 15_000, run: () => batch.close() });
    const descriptors = openDescriptors({
      own: database.poolStats().reduce((sum, pool) => sum + pool.max, 0) + threads * DESCRIPTORS_PER_THREAD,
      wanted: PROBES,
      metrics,
      observe,
    });
    const app = buildApp({ config, logger, health, metrics, batch, descriptors, observe });
    const url = await app.listen({ host: config.HOST, port: config.PORT });
    const telemetry = startTelemetry({
      ...{ bus, service: 'batch', instance, url, health },
      sections: () => ({
        http: httpStats(app),
        pools: database.poolStats(),
        workers: counts.stats(batch.threads, threads, batch.admission),
      }),
      observe,
    });
    return {
      url,
      phases: [
        { name: 'say so', timeoutMs: 1_000, run: () => health.drain('stopping') },
        { name: 'take no more work', timeoutMs: 5_000, run: () => batch.stopTaking() },
        {
          name: 'finish or hand back chunks',
          timeoutMs: config.BATCH_SHUTDOWN_MS + 5_000,
          async run() {
            const deadline = setTimeout(() => {
              batch.handler.handBackAll();
              void batch.threads.close();
            }, config.BATCH_SHUTDOWN_MS);
            await batch.runner.idle();
            clearTimeout(deadline);
          },
        },
        {
          name: 'stop answering',
          timeoutMs: 3_000,
          async run() {
            telemetry.stop();
            await app.close();
          },
        },
        ...closers,
      ],
    };
  } catch (error) {
    await undo();
    throw error;
  }
}
