/** Changes pass through the parts of the service: relay → bus → feed → topics → sockets and event streams. */
import type { Bus } from '@tidemark/bus';
import type { SocketStats } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import type { Metrics, TokenVerifier, Tracing } from '@tidemark/service';
import { createFeed } from './changes/feed.ts';
import { createHistory } from './changes/history.ts';
import { createChannels } from './channels/channels.ts';
import type { Config } from './config.ts';
import { followPeers } from './draining/peers.ts';
import type { RealtimeEvent } from './events.ts';
import { answerInspections } from './explain/answer-inspections.ts';
import { createRelay } from './relay/relay.ts';
import * as settings from './settings.ts';
import type { Admission } from './sockets/admission.ts';
import { createSockets } from './sockets/sockets.ts';
import { createEventStreams } from './sse/event-streams.ts';
import { createSubscriptions } from './subscriptions/subscriptions.ts';

export interface LiveDependencies {
  config: Config;
  database: Database;
  bus: Bus;
  metrics: Metrics;
  instance: string;
  admission: Admission;
  verifyToken: TokenVerifier;
  /** Undefined where no collector is configured. */
  tracing: Tracing | undefined;
  observe: (event: RealtimeEvent) => void;
}

export type Live = ReturnType<typeof createLive>;

/** Time for JetStream to acknowledge what the relay has published, when it stops, ms. */
const RELAY_STOP_MS = 2_000;

export function createLive({ config, database, bus, metrics, instance, ...deps }: LiveDependencies) {
  const { admission, verifyToken, tracing, observe } = deps;
  const shared = { database, bus, instance, observe };
  const relay = config.RELAY
    ? createRelay({
        ...shared,
        ...settings.relaySettings(config),
        tracing,
        /** The primary's address at the moment: after a failover, that of the promoted replica. */
        get url() {
          return database.primaryUrl();
        },
      })
    : undefined;
  const feed = createFeed({ bus, ...settings.feedSettings(config) });
  const history = createHistory({ bus, ...settings.historySettings(config) });
  const subscriptions = createSubscriptions({ config, database, feed, history, metrics, tracing, observe });
  const { snapshots, facts, delivery, topics } = subscriptions;
  const channels = createChannels({ ...shared, ...settings.channelsSettings(config) });
  const streams = createEventStreams({ topics, admission, observe, ...settings.streamsSettings(config) });
  const sockets = createSockets({ topics, channels, admission, observe, ...settings.socketsSettings(config) });
  const peers = config.LIVE_URL === '' ? undefined : followPeers(bus, instance);
  let stopInspections: (() => void) | undefined;

  return {
    relay,
    feed,
    history,
    snapshots,
    topics,
    channels,
    sockets,
    streams,
    peers,
    socketStats(): SocketStats {
      const { waitingFrameBytes: _, ...counts } = sockets.counts();
      const { subscriptions: followed, topics: distinct, conflatedTotal, resyncsTotal } = topics.counts();
      const stats = {
        ...counts,
        ...delivery.counts(),
        subscriptions: followed,
        topics: distinct,
        conflatedTotal,
        resyncsTotal,
      };
      return config.LIVE_URL === '' ? stats : { ...stats, liveUrl: config.LIVE_URL };
    },
    async start(): Promise<void> {
      await bus.ensureChangesStream();
      subscriptions.start();
      relay?.start();
      stopInspections = answerInspections({ ...shared, verifyToken, feed, topics, facts, sockets, streams });
    },
    async drainClients(): Promise<void> {
      const where = () => peers?.next();
      await Promise.all([sockets.drain(config.DRAIN_MS, where), streams.drain(config.DRAIN_MS, where)]);
      peers?.stop();
      await channels.stop();
    },
    async stop(): Promise<void> {
      await relay?.stop(RELAY_STOP_MS);
      await subscriptions.stop();
      stopInspections?.();
    },
  };
}
