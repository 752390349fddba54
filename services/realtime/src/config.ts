import { baseConfig, databaseConfig, limiterConfig, opensConfig, tokenConfig, tracingConfig } from '@tidemark/service';
import { type Static, Type } from 'typebox';

const count = (value: number, minimum: number, description: string) =>
  Type.Integer({ default: value, minimum, description });

export const configSchema = Type.Object({
  ...baseConfig,
  ...databaseConfig,
  ...tokenConfig,
  ...tracingConfig,
  ...limiterConfig,
  ...opensConfig,
  PORT: Type.Integer({
    default: 8081,
    minimum: 0,
    maximum: 65_535,
    description: 'port to listen on; 0 takes a free one',
  }),
  DB_SCHEMAS: Type.String({
    default: 'public,tidemark',
    description: 'schemas that a profile may name, separated by commas; the first is the default',
  }),
  ANON_ROLE: Type.String({ default: 'anon', description: 'the role of a socket without a token' }),

  RELAY: Type.Boolean({ default: true, description: 'whether this instance may run the relay' }),
  RELAY_SLOT: Type.String({
    default: 'tidemark',
    pattern: '^[a-z0-9_]{1,63}$',
    description: 'logical replication slot',
  }),
  RELAY_PUBLICATION: Type.String({
    default: 'tidemark',
    description: 'publication of the tables that can be followed',
  }),
  RELAY_TRANSACTION_BYTES: count(
    64 * 1024 ** 2,
    1_024,
    'bytes of a transaction kept until its commit; a larger one is read twice',
  ),
  RELAY_IN_FLIGHT: count(
    8_192,
    1,
    'messages that JetStream has not acknowledged, at which the relay stops reading the WAL',
  ),
  RELAY_IN_FLIGHT_BYTES: count(32 * 1024 ** 2, 65_536, 'bytes of these messages'),
  RELAY_WAL_BUDGET_BYTES: count(
    4 * 1024 ** 3,
    16 * 1024 ** 2,
    'bytes of WAL that the slot may keep (at most max_slot_wal_keep_size); an alert at 80 %, and the slot is dropped at 100 %',
  ),
  DEFINITIONS_CHECK_MS: count(
    1_000,
    100,
    'ms between the relay’s checks of tables, policies, types, partitions and the publication; longer where a check takes over 5 % of it',
  ),

  RING_BYTES: count(64 * 1024 ** 2, 65_536, 'bytes of recent changes in memory, from which subscriptions catch up'),
  RING_MS: count(120_000, 1_000, 'ms for which they are kept; twice the time of a snapshot'),
  HISTORY_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes read from JetStream for one resuming subscription; more is a resync',
  ),
  HISTORY_CONCURRENCY: count(4, 1, 'such reads at a time; each keeps its bytes in memory'),
  HISTORY_WAITING: count(1_000, 0, 'such reads that wait; more are a resync'),

  HISTORY_TOTAL_BYTES: count(
    256 * 1024 ** 2,
    65_536,
    'bytes read from JetStream and not sent yet, of all resuming subscriptions; more is a resync',
  ),

  SNAPSHOT_PAGE_ROWS: count(500, 1, 'rows in a snapshot frame; at 1 KB a row, half a megabyte'),
  LIVE_ROW_BYTES: count(
    4 * 1024 ** 2,
    1_024,
    'bytes of a row as JSON in a snapshot; a page may exceed a megabyte by one row',
  ),
  SNAPSHOT_SHARED_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes of snapshots kept for a second, to be shared by equal queries',
  ),
  SNAPSHOT_TIMEOUT_MS: count(60_000, 100, 'ms for a snapshot, including the time for which the client reads it'),
  SNAPSHOT_CONCURRENCY: count(8, 1, 'snapshots at a time; each takes a connection'),
  SNAPSHOT_WAITING: count(2_000, 0, 'snapshots that wait; more are refused, and may be tried again'),

  LIVE_BATCH_ABOVE: count(20_000, 1, 'frames written per second above which a topic’s changes wait for each other'),
  LIVE_BATCH_MS: count(50, 1, 'ms for which they wait'),
  LIVE_LATEST_MS: count(100, 1, 'ms between two frames of a subscription in mode latest'),
  LIVE_WINDOW_ROWS: count(1_000, 1, 'rows of a live window (order and limit), including those that its offset skips'),
  LIVE_WINDOW_MS: count(100, 1, 'ms between two reads of a live window while its rows change'),
  LIVE_WINDOW_CONCURRENCY: count(4, 1, 'such reads at a time, of all windows; each takes a connection'),
  LIVE_WINDOWS: count(10_000, 1, 'live windows of this instance; each is read again when its rows change'),
  LIVE_WINDOW_BYTES: count(4 * 1024 ** 2, 1_024, 'bytes of the rows of one live window'),
  LIVE_WINDOWS_BYTES: count(256 * 1024 ** 2, 65_536, 'bytes of the rows of all live windows in memory'),
  LIVE_RIGHTS_CONCURRENCY: count(8, 1, 'policy checks under row-level security at a time; others wait'),
  LIVE_MEMBERSHIP_MS: count(
    2_000,
    50,
    'ms between two resyncs of the followers of a table for changes of the tables that its policies read; also between two checks of such tables that are not published',
  ),
  LIVE_MEMBERSHIP_RESYNCS_PER_S: count(500, 1, 'such resyncs per second; each takes a snapshot'),
  LIVE_FILTER_QUERY_STEPS: count(
    100_000,
    1,
    'steps (about 20 ns) that the filter of one query may take for a row whose values have 1,000 characters: states of its regular expressions × characters, patterns, comparisons, and 5 for each constant',
  ),
  LIVE_FILTER_SOCKET_STEPS: count(300_000, 1, 'steps of all queries of a socket'),
  LIVE_FILTER_STEPS: count(
    10_000_000,
    1,
    'steps of all distinct queries of this instance: 0.2 s for each row, in slices of 4 ms that leave half of the time to other work',
  ),
  LIVE_PRIORITY_TABLES: Type.String({
    default: '',
    description: 'tables (schema.table, separated by commas) whose changes never wait for each other in mode every',
  }),
  MAX_SOCKETS: count(20_000, 1, 'sockets of this instance; at about 10 KB each, 200 MB'),
  MAX_EVENT_STREAMS: count(10_000, 1, 'event streams (SSE) of this instance; each is a connection with one query'),
  MAX_SUBSCRIPTIONS: count(200_000, 1, 'subscriptions of this instance'),
  SUBSCRIBES_PER_S: count(
    5_000,
    0,
    'subscriptions per second, with a burst of 30 s’ worth, since all clients may reconnect after a restart; 0: no limit',
  ),
  MAX_SUBSCRIPTIONS_PER_SOCKET: count(100, 1, 'subscriptions of one socket; a page seldom shows more than ten'),
  MAX_FRAME_BYTES: count(
    128 * 1_024,
    1_024,
    'bytes of a client’s frame: a query of 60 KB with JSON’s escapes; a larger frame ends its socket',
  ),
  FRAMES_PER_SECOND: count(200, 1, 'frames that a client may send per second'),
  WAITING_FRAME_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes of client frames that wait for earlier ones, of all sockets',
  ),
  SOCKET_BUFFER_BYTES: count(
    4 * 1024 ** 2,
    65_536,
    'bytes in the buffer of a slow client, above which its subscriptions are resynced',
  ),
  SLOW_MS: count(5_000, 100, 'ms for which a buffer may be over half full; then the client is cut off'),
  PING_MS: count(30_000, 1_000, 'ms between pings; a socket that has not answered by the next one is cut off'),
  DRAIN_MS: count(
    3_000,
    0,
    'ms over which clients are disconnected at a stop; the rest of the stop takes at most 27 s more',
  ),
  LIVE_URL: Type.String({
    default: '',
    pattern: '^(wss?://[^\\s?#]{1,500})?$',
    description:
      'address of this single instance for clients (wss://…/live), to which those of a stopping instance are sent',
  }),
  MAX_CHANNELS: count(20_000, 1, 'channels of this instance; each is a subscription at NATS'),
  MAX_CHANNELS_PER_SOCKET: count(50, 1, 'channels of one socket'),
  CHANNEL_PRESENT: count(500, 1, 'members of a channel with a state; at 1 KB each, half of NATS’s limit for a message'),
  CHANNEL_STATE_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes of the states of this instance’s members, 200 and their JSON each; other instances keep them, too',
  ),
  CHANNEL_MESSAGES_PER_SECOND: count(500, 1, 'messages per second to one channel from this instance'),
  CHANNEL_HEARTBEAT_MS: count(
    10_000,
    100,
    'ms between heartbeats about an instance’s members; after two missing ones, they have left',
  ),
  CHANNEL_RIGHTS_MS: count(30_000, 100, 'ms between checks whether a socket may still be in its channels'),
  RIGHTS_CHECK_MS: count(
    5_000,
    100,
    'ms between checks of all rights, for changes that nothing announces, such as those of functions that the functions of policies call',
  ),
});

export type Config = Readonly<Static<typeof configSchema>>;
