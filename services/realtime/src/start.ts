/** From an environment to a listening service: what main.ts runs, and what tests run in their own process. */
import { connectBus } from '@tidemark/bus';
import { openDatabase } from '@tidemark/db';
import {
  busOptions,
  createLogger,
  createMetrics,
  createObserve,
  databaseAliases,
  databaseOptions,
  instanceName,
  loadConfig,
  logReader,
  openTracing,
  type RunningService,
  sharedEventCounter,
} from '@tidemark/service';
import { buildApp, type RealtimeApp } from './app.ts';
import { configSchema } from './config.ts';
import { type RealtimeEvent, realtimeEventLevels } from './events.ts';
import { SESSION_SETTINGS } from './session-settings.ts';

/**
 * Connections that wait to be accepted; the system may cap it lower. When an instance is gone, its clients come to the others
 * within a quarter of a second: those for whom Node's 511 had no room were let in after 7 or 15 s, when TCP tries again.
 */
const LISTEN_BACKLOG = 4_096;

export async function startRealtime(env: NodeJS.ProcessEnv): Promise<RunningService & { realtime: RealtimeApp }> {
  const config = loadConfig(configSchema, env, databaseAliases);
  const instance = instanceName('realtime', config.INSTANCE);
  const logger = createLogger({ service: 'realtime', instance, level: config.LOG_LEVEL });
  const metrics = createMetrics('realtime');
  const observe = createObserve<RealtimeEvent>([logReader(logger, realtimeEventLevels), sharedEventCounter(metrics)]);
  const [opened, connected] = await Promise.allSettled([
    openDatabase({
      ...databaseOptions(config),
      applicationName: `tidemark ${instance}`,
      settings: SESSION_SETTINGS,
      observe,
    }),
    connectBus({ ...busOptions(config, 'realtime'), name: instance, observe }),
  ]);
  if (opened.status === 'rejected' || connected.status === 'rejected') {
    if (opened.status === 'fulfilled') await opened.value.close();
    if (connected.status === 'fulfilled') await connected.value.close();
    throw (opened as PromiseRejectedResult).reason ?? (connected as PromiseRejectedResult).reason;
  }
  const tracing = await openTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    sampleRatio: config.OTEL_TRACES_SAMPLER_ARG,
    ...{ service: 'realtime', instance, metrics },
    onError: (error) => observe({ type: 'tracing.failed', error }),
  });
  const database = opened.value;
  const bus = connected.value;
  const realtime = buildApp(config, { database, bus, logger, metrics, instance, tracing, observe });
  try {
    await realtime.relay?.check();
    const url = await realtime.app.listen({ host: config.HOST, port: config.PORT, backlog: LISTEN_BACKLOG });
    await realtime.start(url);
    return { url, phases: realtime.stopPhases(), realtime };
  } catch (error) {
    await Promise.allSettled([realtime.app.close(), bus.close(), database.close()]);
    throw error;
  }
}
