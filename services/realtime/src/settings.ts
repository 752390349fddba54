/** The options of each part of the service, from its environment. */
import { commaSeparated } from '@tidemark/service';
import type { FeedOptions } from './changes/feed.ts';
import type { HistoryOptions } from './changes/history.ts';
import type { ChannelsOptions } from './channels/channels.ts';
import type { Config } from './config.ts';
import type { RelayOptions } from './relay/relay-options.ts';
import type { SnapshotOptions } from './snapshots/snapshots.ts';
import type { SocketsOptions } from './sockets/sockets.ts';
import type { EventStreamsOptions } from './sse/event-streams.ts';
import type { TopicsOptions } from './subscriptions/topics-api.ts';
import { WriteRate } from './topics/write-rate.ts';

/** The options of a part that come from the environment; the rest are other parts. */
type Settings<T, Parts extends keyof T> = Omit<T, Parts>;

const anonymousIdentity = ({ ANON_ROLE: role }: Config) => ({ role, claims: JSON.stringify({ role }) });

export const relaySettings = (
  config: Config,
): Settings<RelayOptions, 'database' | 'bus' | 'instance' | 'url' | 'tracing' | 'observe'> => ({
  slot: config.RELAY_SLOT,
  publication: config.RELAY_PUBLICATION,
  maxTransactionBytes: config.RELAY_TRANSACTION_BYTES,
  maxInFlight: config.RELAY_IN_FLIGHT,
  maxInFlightBytes: config.RELAY_IN_FLIGHT_BYTES,
  walBudgetBytes: config.RELAY_WAL_BUDGET_BYTES,
  definitionsCheckMs: config.DEFINITIONS_CHECK_MS,
});

export const feedSettings = (config: Config): Settings<FeedOptions, 'bus'> => ({
  ring: { maxBytes: config.RING_BYTES, maxAgeMs: config.RING_MS },
  lookbackMs: config.RING_MS,
});

export const historySettings = (config: Config): Settings<HistoryOptions, 'bus'> => ({
  maxBytes: config.HISTORY_BYTES,
  concurrency: config.HISTORY_CONCURRENCY,
  maxWaiting: config.HISTORY_WAITING,
  totalBytes: config.HISTORY_TOTAL_BYTES,
  sharePercent: config.IDENTITY_SHARE_PERCENT,
});

export const snapshotSettings = (config: Config): Settings<SnapshotOptions, 'database' | 'isUndecided'> => ({
  pageRows: config.SNAPSHOT_PAGE_ROWS,
  maxRowBytes: config.LIVE_ROW_BYTES,
  timeoutMs: config.SNAPSHOT_TIMEOUT_MS,
  concurrency: config.SNAPSHOT_CONCURRENCY,
  maxWaiting: config.SNAPSHOT_WAITING,
  sharePercent: config.IDENTITY_SHARE_PERCENT,
});

export const topicsSettings = (
  config: Config,
): Settings<TopicsOptions, 'database' | 'feed' | 'history' | 'snapshots' | 'facts' | 'observe' | 'onDelivered'> => ({
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
});

export const channelsSettings = (
  config: Config,
): Settings<ChannelsOptions, 'database' | 'bus' | 'instance' | 'observe'> => ({
  anonymous: anonymousIdentity(config),
  maxChannels: config.MAX_CHANNELS,
  maxPerSocket: config.MAX_CHANNELS_PER_SOCKET,
  maxPresent: config.CHANNEL_PRESENT,
  stateBytes: config.CHANNEL_STATE_BYTES,
  sharePercent: config.IDENTITY_SHARE_PERCENT,
  messagesPerSecond: config.CHANNEL_MESSAGES_PER_SECOND,
  heartbeatMs: config.CHANNEL_HEARTBEAT_MS,
  rightsMs: config.CHANNEL_RIGHTS_MS,
});

export const streamsSettings = (config: Config): Settings<EventStreamsOptions, 'topics' | 'admission' | 'observe'> => ({
  anonymous: anonymousIdentity(config),
  maxBufferedBytes: config.SOCKET_BUFFER_BYTES,
  pingMs: config.PING_MS,
  slowMs: config.SLOW_MS,
});

export const socketsSettings = (
  config: Config,
): Settings<SocketsOptions, 'topics' | 'channels' | 'admission' | 'observe'> => ({
  anonymous: anonymousIdentity(config),
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
});
