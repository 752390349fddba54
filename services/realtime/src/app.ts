/** Composes the service; never listens, never reads the environment. */
import type { Bus } from '@tidemark/bus';
import { type SocketStats, tableKey } from '@tidemark/contracts';
import { type Database, SlidingSketch } from '@tidemark/db';
import {
  type BaseApp,
  buildBaseApp,
  commaSeparated,
  createHealth,
  createLimiter,
  createTokenVerifier,
  type Health,
  httpStats,
  type Logger,
  type Metrics,
  openDescriptors,
  operatorCheck,
  type Phase,
  registerTokenMetrics,
  startTelemetry,
  type Tracing,
  tokenOptions,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { createFeed } from './changes/feed.ts';
import { createHistory } from './changes/history.ts';
import { type Channels, createChannels } from './channels/channels.ts';
import type { Config } from './config.ts';
import { AnnouncedDefinitions } from './definitions/announced-definitions.ts';
import { DRAIN_EXTRA_MS } from './draining/drain-clients.ts';
import { followPeers } from './draining/peers.ts';
import type { RealtimeEvent } from './events.ts';
import { answerInspections } from './explain/answer-inspections.ts';
import { registerGauges } from './metrics.ts';
import { createRelay, type Relay } from './relay/relay.ts';
import { liveRoutes } from './routes/live.ts';
import { undecided } from './snapshots/snapshot-visibility.ts';
import { createSnapshots } from './snapshots/snapshots.ts';
import { createAdmission } from './sockets/admission.ts';
import { createSockets } from './sockets/sockets.ts';
import { createEventStreams, type EventStreams } from './sse/event-streams.ts';
import { createRightsChecks } from './subscriptions/rights-checks.ts';
import { createTopics } from './subscriptions/topics.ts';
import { createFactsCache } from './tables/facts-cache.ts';
import { traceDelivery } from './topics/trace-delivery.ts';
import { WriteRate } from './topics/write-rate.ts';

/** Bytes of URL and headers, as the gateway takes them: an event stream's query is in its URL. */
const HEADER_BYTES = 60 * 1024;

export interface AppDeps {
  database: Database;
  bus: Bus;
  logger: Logger;
  metrics: Metrics;
  instance: string;
  /** Undefined where no collector is configured. */
  tracing: Tracing | undefined;
  observe: (event: RealtimeEvent) => void;
}

export interface RealtimeApp {
  app: BaseApp;
  health: Health;
  relay: Relay | undefined;
  bus: Bus;
  channels: Channels;
  streams: EventStreams;
  socketStats(): SocketStats;
  /** After the app listens at `url`. */
  start(url: string): Promise<void>;
  /** In order; each has its own time limit. */
  stopPhases(): Phase[];
}

/** A snapshot waits so long for the changes to get as far as it; then a change may come twice, and none is lost. */
const UNDECIDED_WAIT_MS = 300;

export function buildApp(config: Config, deps: AppDeps): RealtimeApp {
  const { database, bus, logger, metrics, instance, tracing, observe } = deps;
  const health = createHealth();
  const descriptors = openDescriptors({
    // Connections to Postgres, and that of the relay.
    own: database.poolStats().reduce((sum, pool) => sum + pool.max, 0) + 1,
    wanted: config.MAX_SOCKETS + config.MAX_EVENT_STREAMS,
    metrics,
    observe,
  });
  const verifier = createTokenVerifier({ ...tokenOptions(config), observe });
  const admission = createAdmission(config, createLimiter(config, metrics), verifier);
  const app = buildBaseApp({
    logger,
    health,
    metrics,
    metricsPage: config,
    isOperator: operatorCheck((token, request: FastifyRequest) =>
      admission.verifyToken(token, admission.addressOf(request.raw)),
    ),
    descriptors,
    observe,
    server: { http: { maxHeaderSize: HEADER_BYTES } } as object,
  });
  const latency = new SlidingSketch();
  const seconds = metrics.histogram('tidemark_delivery_seconds', 'From commit to the socket');
  let deliveredTotal = 0;

  const relay = config.RELAY
    ? createRelay({
        database,
        bus,
        instance,
        // Asked for at each attempt: after a failover it is a promoted replica's.
        get url() {
          return database.primaryUrl();
        },
        slot: config.RELAY_SLOT,
        publication: config.RELAY_PUBLICATION,
        maxTransactionBytes: config.RELAY_TRANSACTION_BYTES,
        maxInFlight: config.RELAY_IN_FLIGHT,
        maxInFlightBytes: config.RELAY_IN_FLIGHT_BYTES,
        walBudgetBytes: config.RELAY_WAL_BUDGET_BYTES,
        definitionsCheckMs: config.DEFINITIONS_CHECK_MS,
        tracing,
        observe,
      })
    : undefined;
  const ring = { maxBytes: config.RING_BYTES, maxAgeMs: config.RING_MS };
  const feed = createFeed({ bus, ring, lookbackMs: config.RING_MS });
  const history = createHistory({
    bus,
    maxBytes: config.HISTORY_BYTES,
    concurrency: config.HISTORY_CONCURRENCY,
    maxWaiting: config.HISTORY_WAITING,
    totalBytes: config.HISTORY_TOTAL_BYTES,
    sharePercent: config.IDENTITY_SHARE_PERCENT,
  });
  const snapshots = createSnapshots({
    database,
    pageRows: config.SNAPSHOT_PAGE_ROWS,
    maxRowBytes: config.LIVE_ROW_BYTES,
    timeoutMs: config.SNAPSHOT_TIMEOUT_MS,
    concurrency: config.SNAPSHOT_CONCURRENCY,
    maxWaiting: config.SNAPSHOT_WAITING,
    sharePercent: config.IDENTITY_SHARE_PERCENT,
    async isUndecided(plan, visibility) {
      if (visibility.kind !== 'standby' || visibility.after === visibility.until) return false;
      if (visibility.snapshot.xmin >= visibility.snapshot.xmax) return false;
      const isKnown = await feed.reached(visibility.until, UNDECIDED_WAIT_MS);
      // A change that follows although the rows have it does no harm where it names its row by a key, and counts twice without one.
      if (!isKnown && plan.facts.key.length === 0) return true;
      const key = tableKey(plan.facts.schema, plan.facts.table);
      const recent = feed.ring.since(key, feed.ring.floor?.sequence ?? 0) ?? [];
      return recent.some((envelope) => undecided(visibility, envelope));
    },
  });
  const announced = new AnnouncedDefinitions();
  const facts = createFactsCache({
    database,
    publication: config.RELAY_PUBLICATION,
    announced,
    sharePercent: config.IDENTITY_SHARE_PERCENT,
  });
  const topics = createTopics({
    database,
    feed,
    history,
    snapshots,
    facts,
    schemas: commaSeparated(config.DB_SCHEMAS),
    maxSubscriptions: config.MAX_SUBSCRIPTIONS,
    windows: {
      maxRows: config.LIVE_WINDOW_ROWS,
      maxWindows: config.LIVE_WINDOWS,
      intervalMs: config.LIVE_WINDOW_MS,
      concurrency: config.LIVE_WINDOW_CONCURRENCY,
      maxBytes: config.LIVE_WINDOW_BYTES,
      totalBytes: config.LIVE_WINDOWS_BYTES,
    },
    sharedSnapshotBytes: config.SNAPSHOT_SHARED_BYTES,
    membership: { intervalMs: config.LIVE_MEMBERSHIP_MS, resyncsPerS: config.LIVE_MEMBERSHIP_RESYNCS_PER_S },
    rightsConcurrency: config.LIVE_RIGHTS_CONCURRENCY,
    filters: {
      query: config.LIVE_FILTER_QUERY_STEPS,
      socket: config.LIVE_FILTER_SOCKET_STEPS,
      instance: config.LIVE_FILTER_STEPS,
      sharePercent: config.IDENTITY_SHARE_PERCENT,
    },
    delivery: {
      writeRate: new WriteRate(config.LIVE_BATCH_ABOVE),
      batchMs: config.LIVE_BATCH_MS,
      latestMs: config.LIVE_LATEST_MS,
      priority: new Set(commaSeparated(config.LIVE_PRIORITY_TABLES)),
    },
    observe,
    onDelivered(changes, ms, envelope) {
      if (tracing) traceDelivery(tracing, envelope, changes);
      deliveredTotal += changes;
      latency.record(Math.max(0, ms));
      seconds.observe(Math.max(0, ms) / 1_000);
    },
  });
  const anonymous = { role: config.ANON_ROLE, claims: JSON.stringify({ role: config.ANON_ROLE }) };
  const channels = createChannels({
    database,
    bus,
    instance,
    anonymous,
    maxChannels: config.MAX_CHANNELS,
    maxPerSocket: config.MAX_CHANNELS_PER_SOCKET,
    maxPresent: config.CHANNEL_PRESENT,
    stateBytes: config.CHANNEL_STATE_BYTES,
    sharePercent: config.IDENTITY_SHARE_PERCENT,
    messagesPerSecond: config.CHANNEL_MESSAGES_PER_SECOND,
    heartbeatMs: config.CHANNEL_HEARTBEAT_MS,
    rightsMs: config.CHANNEL_RIGHTS_MS,
    observe,
  });
  const streams = createEventStreams({
    topics,
    admission,
    anonymous,
    maxBufferedBytes: config.SOCKET_BUFFER_BYTES,
    pingMs: config.PING_MS,
    slowMs: config.SLOW_MS,
    observe,
  });
  const sockets = createSockets({
    topics,
    channels,
    admission,
    anonymous,
    limits: {
      maxSubscriptions: config.MAX_SUBSCRIPTIONS_PER_SOCKET,
      maxBufferedBytes: config.SOCKET_BUFFER_BYTES,
      framesPerSecond: config.FRAMES_PER_SECOND,
      frameBytes: config.MAX_FRAME_BYTES,
      pingMs: config.PING_MS,
      slowMs: config.SLOW_MS,
    },
    waitingFrameBytes: config.WAITING_FRAME_BYTES,
    sharePercent: config.IDENTITY_SHARE_PERCENT,
    observe,
  });

  const peers = config.LIVE_URL === '' ? undefined : followPeers(bus, instance);

  health.add('database', () => database.problem());
  health.add('nats', () => bus.problem());
  health.add('changes', () => feed.problem());
  health.add('tokens', () => verifier.problem());
  health.warn('tokens', () => verifier.warning());
  health.warn('relay', () => relay?.budget.warning());
  health.warn('relay tables', () => relay?.failing.warning());
  registerTokenMetrics(metrics, verifier);
  registerGauges(metrics, { relay, feed, history, snapshots, topics, channels, sockets, streams, peers });
  liveRoutes(app, { sockets, streams, admission, maxPayload: config.MAX_FRAME_BYTES });

  function socketStats(): SocketStats {
    const { open, openedTotal, closedTotal, framesTotal, bufferedBytes } = sockets.counts();
    const counts = topics.counts();
    return {
      open,
      openedTotal,
      closedTotal,
      subscriptions: counts.subscriptions,
      topics: counts.topics,
      deliveredTotal,
      framesTotal,
      bufferedBytes,
      conflatedTotal: counts.conflatedTotal,
      resyncsTotal: counts.resyncsTotal,
      deliveryP50Ms: latency.quantile(0.5),
      deliveryP99Ms: latency.quantile(0.99),
      ...(config.LIVE_URL === '' ? {} : { liveUrl: config.LIVE_URL }),
    };
  }

  let stopInspections: (() => void) | undefined;
  let telemetry: { stop(): void } | undefined;
  const rightsChecks = createRightsChecks(() => topics.checkRights(), config.RIGHTS_CHECK_MS);

  return {
    app,
    health,
    relay,
    bus,
    channels,
    streams,
    socketStats,
    async start(url) {
      await bus.ensureChangesStream();
      feed.start({
        onEnvelope: (envelope) => topics.receive(envelope),
        onDefinitions(changed) {
          const { keys, roles } = announced.note(changed);
          topics.redefine(keys);
          if (roles) rightsChecks.soon();
        },
        onBreak(reason) {
          facts.forget();
          topics.resyncAll(reason);
        },
      });
      relay?.start();
      topics.start();
      rightsChecks.start();
      stopInspections = answerInspections({
        bus,
        instance,
        verifyToken: verifier,
        database,
        feed,
        topics,
        facts,
        sockets,
        streams,
      });
      telemetry = startTelemetry({
        bus,
        service: 'realtime',
        instance,
        url,
        health,
        sections: () => ({
          http: httpStats(app),
          pools: database.poolStats(),
          replicas: database.replicaStats(),
          sockets: socketStats(),
          ...(relay ? { relay: relay.stats() } : {}),
        }),
        observe,
      });
    },
    stopPhases: () => [
      { name: 'say that it stops', timeoutMs: 100, run: () => health.drain('stopping') },
      {
        name: 'let the clients go',
        timeoutMs: config.DRAIN_MS + DRAIN_EXTRA_MS + 1_000,
        async run() {
          const where = () => peers?.next();
          await Promise.all([sockets.drain(config.DRAIN_MS, where), streams.drain(config.DRAIN_MS, where)]);
          peers?.stop();
        },
      },
      { name: 'leave the channels', timeoutMs: 2_000, run: () => channels.stop() },
      { name: 'hand the relay on', timeoutMs: 4_000, run: () => relay?.stop(2_000) },
      {
        name: 'stop following',
        timeoutMs: 3_000,
        async run() {
          await rightsChecks.stop();
          topics.stop();
          await feed.stop();
        },
      },
      { name: 'answer no more', timeoutMs: 100, run: () => stopInspections?.() },
      { name: 'stop telemetry', timeoutMs: 100, run: () => telemetry?.stop() },
      { name: 'send the traces', timeoutMs: 6_000, run: () => tracing?.stop() },
      { name: 'close the listener', timeoutMs: 2_000, run: () => app.close() },
      { name: 'leave NATS', timeoutMs: 3_000, run: () => bus.close() },
      { name: 'leave the database', timeoutMs: 3_000, run: () => database.close(2_000) },
    ],
  };
}
