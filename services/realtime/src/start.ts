/** Starts the service: connects, composes the app, listens, and returns the phases that stop it. */
import type { Bus } from '@tidemark/bus';
import {
  answerDatabaseInspections,
  type BaseApp,
  createLimiter,
  createServiceBase,
  createTokenVerifier,
  databaseAliases,
  type Health,
  httpStats,
  loadConfig,
  openServiceTracing,
  type RunningService,
  registerTokenMetrics,
  startTelemetry,
  tokenOptions,
} from '@tidemark/service';
import { buildApp } from './app.ts';
import { configSchema } from './config.ts';
import { connect } from './connect.ts';
import { DRAIN_EXTRA_MS } from './draining/drain-clients.ts';
import { eventLevels, type RealtimeEvent } from './events.ts';
import { createLive, type Live } from './live.ts';
import { registerGauges } from './metrics.ts';
import { createAdmission } from './sockets/admission.ts';

/** When an instance stops, its clients come within 250 ms: with Node's default of 511, some waited for 7 or 15 s. */
const LISTEN_BACKLOG = 4_096;

export interface RunningRealtime extends RunningService {
  readonly realtime: Live & { app: BaseApp; bus: Bus; health: Health };
}

export async function start(env: NodeJS.ProcessEnv): Promise<RunningRealtime> {
  const config = loadConfig(configSchema, env, databaseAliases);
  const base = createServiceBase<RealtimeEvent>('realtime', config, eventLevels);
  const { instance, metrics, observe, health } = base;
  const { database, bus, descriptors } = await connect(config, base);
  const tracing = await openServiceTracing(config, base);
  const verifyToken = createTokenVerifier({ ...tokenOptions(config), observe });
  const admission = createAdmission(config, createLimiter(config, metrics), verifyToken);
  const live = createLive({ config, database, bus, metrics, instance, admission, verifyToken, tracing, observe });
  const { relay, sockets, streams } = live;
  registerTokenMetrics(metrics, verifyToken);
  registerGauges(metrics, live);
  health.add('database', () => database.problem());
  health.add('nats', () => bus.problem());
  health.add('changes', () => live.feed.problem());
  health.add('tokens', () => verifyToken.problem());
  health.warn('tokens', () => verifyToken.warning());
  health.warn('relay', () => relay?.budget.warning());
  health.warn('relay tables', () => relay?.failing.warning());
  const app = buildApp({ ...base, config, admission, sockets, streams, descriptors });

  try {
    await relay?.check();
    const url = await app.listen({ host: config.HOST, port: config.PORT, backlog: LISTEN_BACKLOG });
    await live.start();
    const sections = () => ({
      http: httpStats(app),
      pools: database.poolStats(),
      replicas: database.replicaStats(),
      statements: database.statements(20),
      sockets: live.socketStats(),
      ...(relay ? { relay: relay.stats() } : {}),
    });
    const stopInspections = answerDatabaseInspections({
      bus,
      instance,
      db: database,
      verifyToken,
      inspectHeap: config.INSPECT_HEAP,
    });
    const { ring } = live.feed;
    const memory = [{ name: 'recent changes', bytes: () => ring.bytes / 2, giveBack: () => ring.halve() }];
    const telemetry = startTelemetry({ ...base, bus, url, config, sections, memory });
    const stopTelemetry = () => {
      telemetry.stop();
      stopInspections();
    };
    const finishRequests = async () => {
      await live.drainClients();
      await app.close();
    };
    const disconnect = async () => {
      await tracing?.stop();
      await bus.close();
      await database.close(2_000);
    };
    return {
      url,
      realtime: { ...live, app, bus, health },
      phases: [
        { name: 'refuse new work', timeoutMs: 100, run: () => health.drain('stopping') },
        { name: 'finish requests', timeoutMs: config.DRAIN_MS + DRAIN_EXTRA_MS + 5_000, run: finishRequests },
        { name: 'stop telemetry', timeoutMs: 100, run: stopTelemetry },
        { name: 'stop background work', timeoutMs: 7_000, run: live.stop },
        { name: 'disconnect', timeoutMs: 12_000, run: disconnect },
      ],
    };
  } catch (error) {
    await Promise.allSettled([app.close(), bus.close(), database.close()]);
    throw error;
  }
}
