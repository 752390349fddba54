/** This service's environment. */
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
  PORT: Type.Integer({ default: 8081, minimum: 0, maximum: 65_535, description: '0 takes a free one' }),
  DB_SCHEMAS: Type.String({
    default: 'public,tidemark',
    description: 'schemas that a profile may name, separated by commas; the first is the default',
  }),
  ANON_ROLE: Type.String({ default: 'anon', description: 'the role of a socket without a token' }),

  RELAY: Type.Boolean({ default: true, description: 'whether this instance may run the relay; others stand by' }),
  RELAY_SLOT: Type.String({
    default: 'tidemark',
    pattern: '^[a-z0-9_]{1,63}$',
    description: 'logical replication slot',
  }),
  RELAY_PUBLICATION: Type.String({ default: 'tidemark', description: 'publication whose tables can be followed' }),
  RELAY_TRANSACTION_BYTES: count(
    64 * 1024 ** 2,
    1_024,
    'bytes of a transaction kept until its commit; a larger one is read twice',
  ),
  RELAY_IN_FLIGHT: count(8_192, 1, 'messages without JetStream’s acknowledgement; then the WAL is not read on'),
  RELAY_IN_FLIGHT_BYTES: count(32 * 1024 ** 2, 65_536, 'bytes of them'),
  RELAY_WAL_BUDGET_BYTES: count(
    4 * 1024 ** 3,
    16 * 1024 ** 2,
    'bytes of WAL that the slot may keep (at most max_slot_wal_keep_size): an alert at 80 %, dropped at 100 %',
  ),
  DEFINITIONS_CHECK_MS: count(
    1_000,
    100,
    'ms between the relay’s looks at tables, policies, types, partitions and the publication; longer where a look takes over 5 % of that',
  ),

  RING_BYTES: count(64 * 1024 ** 2, 65_536, 'bytes of recent changes kept in memory for who catches up'),
  RING_MS: count(120_000, 1_000, 'age of the oldest of them, ms; twice what a snapshot may take'),
  HISTORY_BYTES: count(64 * 1024 ** 2, 65_536, 'bytes read from JetStream for one that resumes; more is a resync'),
  HISTORY_CONCURRENCY: count(4, 1, 'such reads at a time; each holds its bytes in memory'),
  HISTORY_WAITING: count(1_000, 0, 'such reads that wait for a turn; more are a resync'),

  HISTORY_TOTAL_BYTES: count(
    256 * 1024 ** 2,
    65_536,
    'bytes that were read from JetStream and wait to be sent, of all who resume; more is a resync',
  ),

  SNAPSHOT_PAGE_ROWS: count(500, 1, 'rows in a snapshot frame; at 1 KB a row, half a megabyte'),
  LIVE_ROW_BYTES: count(
    4 * 1024 ** 2,
    1_024,
    'bytes of a row as JSON in a snapshot; of each snapshot, one of them is read beyond a megabyte of others',
  ),
  SNAPSHOT_SHARED_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes of snapshots that are kept for a second, to be shared by equal queries',
  ),
  SNAPSHOT_TIMEOUT_MS: count(60_000, 100, 'ms for a snapshot, the client’s reading included'),
  SNAPSHOT_CONCURRENCY: count(8, 1, 'snapshots at a time; each holds a connection'),
  SNAPSHOT_WAITING: count(2_000, 0, 'snapshots that wait for a turn; more are told to try again'),

  LIVE_BATCH_ABOVE: count(20_000, 1, 'frames written a second above which a topic’s changes wait for each other'),
  LIVE_BATCH_MS: count(50, 1, 'ms that they wait then'),
  LIVE_LATEST_MS: count(100, 1, 'ms between two frames of a subscription in mode latest'),
  LIVE_WINDOW_ROWS: count(
    1_000,
    1,
    'most rows of a live window (order and limit), those that its offset skips included',
  ),
  LIVE_WINDOW_MS: count(100, 1, 'ms between two reads of a live window while its rows change'),
  LIVE_WINDOW_CONCURRENCY: count(4, 1, 'such reads at a time, of all windows; each holds a connection'),
  LIVE_WINDOWS: count(10_000, 1, 'live windows of this instance; each is read again when its rows change'),
  LIVE_WINDOW_BYTES: count(4 * 1024 ** 2, 1_024, 'bytes of the rows of one live window'),
  LIVE_WINDOWS_BYTES: count(256 * 1024 ** 2, 65_536, 'bytes that the rows of all live windows keep in memory'),
  LIVE_RIGHTS_CONCURRENCY: count(
    8,
    1,
    'questions at a time which rows may be seen under row-level security; others wait',
  ),
  LIVE_MEMBERSHIP_MS: count(
    2_000,
    50,
    'ms between two times that who follows a table is told that what its policies read in another table has changed; also between two looks at tables that are not published',
  ),
  LIVE_MEMBERSHIP_RESYNCS_PER_S: count(500, 1, 'subscriptions that are told so each second; each takes a snapshot'),
  LIVE_FILTER_QUERY_STEPS: count(
    100_000,
    1,
    'steps (about 20 ns) that the filter of one query may take for a row whose values have 1,000 characters: states of its regular expressions × characters, patterns, comparisons, and 5 for each constant it holds',
  ),
  LIVE_FILTER_SOCKET_STEPS: count(300_000, 1, 'steps of all queries of a socket'),
  LIVE_FILTER_STEPS: count(
    10_000_000,
    1,
    'steps of all distinct queries of this instance: 0.2 s for each row, in slices of 4 ms that leave half of the time to others',
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
    'subscriptions begun a second, 30 s’ worth at once: all clients may come back after a restart. 0: no limit',
  ),
  MAX_SUBSCRIPTIONS_PER_SOCKET: count(100, 1, 'subscriptions of one socket; a page seldom shows more than ten'),
  MAX_FRAME_BYTES: count(
    128 * 1_024,
    1_024,
    'bytes of a client’s frame: a query of 60 KB, with room for JSON’s escapes; one that is larger ends its socket',
  ),
  FRAMES_PER_SECOND: count(200, 1, 'frames that a client may send each second'),
  WAITING_FRAME_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes of clients’ frames that wait for those before them, of all sockets',
  ),
  SOCKET_BUFFER_BYTES: count(
    4 * 1024 ** 2,
    65_536,
    'bytes that wait for a slow client; over it, its topics are resynced',
  ),
  SLOW_MS: count(5_000, 100, 'ms that a client may keep its buffer over half of that; then it is cut off'),
  PING_MS: count(30_000, 1_000, 'ms between pings; a socket that did not answer by the next one is cut off'),
  DRAIN_MS: count(
    3_000,
    0,
    'ms over which clients are let go when it stops; the rest of the stop takes at most 27 s more',
  ),
  LIVE_URL: Type.String({
    default: '',
    pattern: '^(wss?://[^\\s?#]{1,500})?$',
    description: 'where clients reach this very instance (wss://…/live): those of one that stops are sent here',
  }),
  MAX_CHANNELS: count(20_000, 1, 'channels of this instance; each is a subscription at NATS'),
  MAX_CHANNELS_PER_SOCKET: count(50, 1, 'channels of one socket'),
  CHANNEL_PRESENT: count(
    500,
    1,
    'members of a channel that are shown; at 1 KB each, half of what NATS takes in a message',
  ),
  CHANNEL_STATE_BYTES: count(
    64 * 1024 ** 2,
    65_536,
    'bytes of the states that this instance’s members show, at 200 and their JSON each; other instances hold them too',
  ),
  CHANNEL_MESSAGES_PER_SECOND: count(500, 1, 'messages for one channel from this instance each second'),
  CHANNEL_HEARTBEAT_MS: count(
    10_000,
    100,
    'ms between an instance’s words about its members; after two without, they have left',
  ),
  CHANNEL_RIGHTS_MS: count(30_000, 100, 'ms between questions whether a socket may still be in its channels'),
  RIGHTS_CHECK_MS: count(
    5_000,
    100,
    'ms between looks at all rights, for what nothing announces, such as functions that the functions of policies call',
  ),
});

export type Config = Readonly<Static<typeof configSchema>>;
