/** Every error of this service. Codes are `RT_` and the name; PROTOCOL.md says which of them a client meets. */
import { defineErrors, row } from '@tidemark/contracts';

/** The reader of a message is told that the limit is that of its identity; the code calls this the share. */
const whose = (where: 'share' | 'instance') => (where === 'share' ? 'identity' : where);

export const errors = defineErrors('RT', {
  // The relay
  WAL_UNREADABLE: row<{ reason: string; head: string }>({
    status: 500,
    message: (p) => `Postgres sent a replication message that cannot be read: ${p.reason}`,
    details: (p) => `it starts with ${p.head}`,
    hint: 'Is something between the relay and Postgres? Tidemark reads protocol version 1 of pgoutput, Postgres 14 and later.',
  }),
  LITERAL_UNREADABLE: row<{ kind: 'array' | 'row'; text: string }>({
    status: 500,
    message: (p) => `"${p.text.slice(0, 80)}" is not the text of a Postgres ${p.kind}`,
    hint: 'Please report the column’s type.',
  }),
  WAL_LEVEL: row<{ value: string }>({
    status: 503,
    message: (p) => `Postgres runs with wal_level=${p.value}, and live queries need wal_level=logical`,
    hint: 'alter system set wal_level = logical, then restart Postgres.',
  }),
  NO_REPLICATION: row<{ user: string }>({
    status: 503,
    message: (p) => `the user "${p.user}" of DATABASE_URL may not read the WAL`,
    hint: (p) => `alter role "${p.user}" replication; or set RELAY=false where another instance runs the relay.`,
  }),
  REPLICATION_CLOSED: row<{ reason: string }>({
    status: 503,
    message: (p) => `the replication connection ended: ${p.reason}`,
    hint: 'The relay connects again by itself; see Postgres’s log where it goes on.',
    retryAfter: 1,
  }),
  REPLICATION_SILENT: row<{ seconds: number }>({
    status: 503,
    message: (p) => `Postgres has sent nothing on the replication connection for ${p.seconds} s`,
    hint: 'The relay connects again by itself; is the server or the network stalled?',
    retryAfter: 1,
  }),
  NATS_AWAY: row<{ reason: string }>({
    status: 503,
    message: (p) => `the relay does not take the slot while it could not publish: ${p.reason}`,
    hint: 'It goes on when NATS can be reached; until then the slot keeps the WAL, up to RELAY_WAL_BUDGET_BYTES.',
    retryAfter: 1,
  }),
  PUBLISH_FAILED: row<{ reason: string }>({
    status: 503,
    message: (p) => `JetStream did not take a change: ${p.reason}`,
    hint: 'The relay starts again from the last change that was acknowledged; see nats-server’s log where it goes on.',
    retryAfter: 1,
  }),
  // Subscriptions
  FRAME_INVALID: row<{ expected: string }>({
    status: 400,
    message: (p) => `the frame is not understood: ${p.expected}`,
    hint: 'Frames are JSON text: {"op":"auth",…}, {"op":"subscribe",…}, {"op":"join",…} and so on; PROTOCOL.md lists them.',
  }),
  FRAME_RATE: row<{ limit: number }>({
    status: 429,
    message: (p) => `more than ${p.limit} frames came within a second`,
    hint: 'Send fewer; open one subscription for each query and keep it.',
    retryAfter: 1,
  }),
  QUERY_UNSUPPORTED: row<{ what: string }>({
    status: 400,
    message: (p) => `${p.what} cannot be live`,
    hint: 'A live query takes one table, its own columns in select, and filters with and/or/not on them.',
  }),
  QUERY_TOO_LONG: row<{ bytes: number; limit: number }>({
    status: 414,
    message: (p) => `the query has ${p.bytes} bytes; a live query may have ${p.limit}`,
    hint: 'Put what a long list names into a table or a column, and filter by that; or follow fewer rows with each query.',
  }),
  TABLE_UNKNOWN: row<{ schema: string; table: string }>({
    status: 404,
    message: (p) => `there is no table ${p.schema}.${p.table} for this role`,
    hint: 'Check the name, the profile and the grants.',
  }),
  SCHEMA_UNKNOWN: row<{ schema: string; schemas: string }>({
    status: 406,
    message: (p) => `the schema "${p.schema}" is not exposed`,
    hint: (p) => `Use one of: ${p.schemas}.`,
  }),
  TABLE_NOT_LIVE: row<{ schema: string; table: string }>({
    status: 400,
    message: (p) => `the table ${p.schema}.${p.table} is not published`,
    hint: (p) => `npx tidemark live enable ${p.schema}.${p.table}`,
  }),
  INHERITED: row<{ schema: string; table: string; children: string }>({
    status: 400,
    message: (p) =>
      `the table ${p.schema}.${p.table} has inheritance children (${p.children}): their rows are in what is read of it, and their changes come under their own names`,
    hint: 'Follow each child by itself, or make the table a partitioned one, whose partitions are followed as one table.',
  }),
  SILENT_PARTITIONS: row<{ schema: string; table: string; partitions: string }>({
    status: 400,
    message: (p) =>
      `the table ${p.schema}.${p.table} has partitions whose changes are not in the WAL, since they are foreign tables or unlogged: ${p.partitions}`,
    hint: 'alter table … set logged for those that are unlogged; detach foreign tables, or follow the other partitions by themselves.',
  }),
  PUBLISH_PARTIAL: row<{ schema: string; table: string; publication: string; kinds: string }>({
    status: 400,
    message: (p) =>
      `the publication ${p.publication} leaves out changes of the kind ${p.kinds}, so ${p.schema}.${p.table} cannot be live`,
    hint: (p) => `alter publication ${p.publication} set (publish = 'insert, update, delete, truncate');`,
  }),
  FACTS_BUSY: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `${p.limit} questions of this ${whose(p.where)} about tables and rights are waiting already`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  TABLE_CHANGING: row<{ table: string }>({
    status: 503,
    message: (p) => `the table ${p.table} changes faster than its definition can be read`,
    hint: 'Try again once the migration is through.',
    retryAfter: 1,
  }),
  TABLE_LOCKED: row({
    status: 503,
    message: 'somebody has locked the table, or one that its policies read',
    hint: 'Try again once the lock is given back; an ALTER TABLE in an open transaction holds it until the transaction ends.',
    retryAfter: 1,
  }),
  COLUMN_UNKNOWN: row<{ column: string; table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no column "${p.column}" that this role may read`,
    hint: 'Check the name and the grants on columns.',
  }),
  KEY_NOT_SELECTED: row<{ columns: string }>({
    status: 400,
    message: (p) => `a live query must select the key: ${p.columns}`,
    hint: 'Add the missing columns to select; without them a change cannot be matched to its row.',
  }),
  OLD_ROWS_NEEDED: row<{ schema: string; table: string }>({
    status: 400,
    message: (p) => `${p.schema}.${p.table} has row-level security, and its changes do not carry whole old rows`,
    hint: (p) => `alter table ${p.schema}.${p.table} replica identity full;`,
  }),
  POLICY_READS_MORE: row<{ schema: string; table: string; what: string }>({
    status: 400,
    message: (p) =>
      `a row-level security policy of ${p.schema}.${p.table} reads ${p.what}, so it cannot be decided for a published change`,
    hint: 'Publish all columns of the table (alter publication … add table without a list of columns), or have the policy read published columns alone.',
  }),
  LATEST_NEEDS_KEY: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key, which mode "latest" goes by`,
    hint: 'Add a primary key, or leave mode out to get every change.',
  }),
  WINDOW_NEEDS_LIMIT: row<{ what: string; limit: number }>({
    status: 400,
    message: (p) => `${p.what} without limit cannot be live`,
    hint: (p) => `Add limit (offset and limit together at most ${p.limit}), or leave ${p.what} out.`,
  }),
  WINDOW_TOO_LARGE: row<{ rows: number; limit: number }>({
    status: 400,
    message: (p) => `a live window of ${p.rows} rows (offset and limit) is larger than ${p.limit}`,
    hint: 'Ask for fewer, follow all rows without limit, or raise LIVE_WINDOW_ROWS.',
  }),
  WINDOW_NEEDS_KEY: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key, which the rows of a live window are told apart by`,
    hint: 'Add a primary key, or leave order, limit and offset out.',
  }),
  WINDOW_BYTES: row<{ limit: number }>({
    status: 413,
    message: (p) => `the rows of this live window have more than ${p.limit} bytes`,
    hint: 'Ask for fewer rows, or leave large columns out of select.',
  }),
  WINDOWS_FULL: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `the live windows of this ${whose(p.where)} keep ${p.limit} bytes already`,
    hint: 'Ask for fewer rows or columns, or try again later.',
    retryAfter: 5,
  }),
  ROW_TOO_LARGE: row<{ limit: number }>({
    status: 413,
    message: (p) => `a row has more than ${p.limit} bytes as JSON, too many for a snapshot`,
    hint: 'Leave large columns out of select, and read them with a GET when they are needed.',
  }),
  TOO_MANY_WINDOWS: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `this ${whose(p.where)} already keeps ${p.limit} live windows`,
    hint: 'Try again later; equal queries share a window. Or raise LIVE_WINDOWS.',
  }),
  OPTIONS_CONFLICT: row({
    status: 400,
    message: 'snapshot and after exclude each other',
    hint: 'Send after to resume; when it is too old you get a resync, then subscribe with snapshot.',
  }),
  ID_IN_USE: row<{ id: string }>({
    status: 409,
    message: (p) => `this socket already has a subscription "${p.id}"`,
    hint: 'Unsubscribe it first, or choose another id.',
  }),
  QUERY_IN_USE: row<{ id: string }>({
    status: 409,
    message: (p) => `this socket already follows the same query, as "${p.id}"`,
    hint: 'Use that subscription: a topic is sent once to a socket.',
  }),
  ID_UNKNOWN: row<{ id: string }>({
    status: 404,
    message: (p) => `this socket has no subscription "${p.id}"`,
    hint: 'It may have ended with a resync.',
  }),
  // Another socket of the same client may take what one is too full for.
  SOCKET_SUBSCRIPTIONS: row<{ limit: number }>({
    status: 429,
    message: (p) => `this socket has its ${p.limit} subscriptions`,
    hint: 'Unsubscribe what is no longer shown, or open another socket.',
    retryAfter: 5,
  }),
  SOCKET_FILTERS: row<{ steps: number; limit: number }>({
    status: 429,
    message: (p) =>
      `with this query, the filters of this socket may take ${p.steps} steps for each row; the limit is ${p.limit}`,
    hint: 'Unsubscribe what is no longer shown, use simpler filters, or open another socket.',
    retryAfter: 5,
  }),
  SOCKET_CHANNELS: row<{ limit: number }>({
    status: 429,
    message: (p) => `this socket is in its ${p.limit} channels`,
    hint: 'Leave those that are no longer shown, or open another socket.',
    retryAfter: 5,
  }),
  TOO_MANY_SUBSCRIPTIONS: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 429,
    message: (p) => `this ${whose(p.where)} has its ${p.limit} subscriptions`,
    hint: (p) =>
      p.where === 'instance'
        ? 'Try again, or connect again for another instance.'
        : 'Unsubscribe what is no longer shown.',
    retryAfter: 5,
  }),
  TOO_MANY_SOCKETS: row<{ limit: number }>({
    status: 429,
    message: (p) => `this identity has its ${p.limit} WebSockets on a busy instance`,
    hint: 'Close those that are no longer needed, or connect again for another instance.',
    retryAfter: 5,
  }),
  SNAPSHOTS_BUSY: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `${p.limit} snapshots of this ${whose(p.where)} are waiting already`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  SNAPSHOT_UNPLACED: row<{ attempts: number }>({
    status: 503,
    message: (p) => `in ${p.attempts} attempts the snapshot could not be placed between the changes`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  NOT_FOLLOWING: row<{ reason: string }>({
    status: 503,
    message: (p) => `this instance does not follow the changes at the moment: ${p.reason}`,
    hint: 'Try again, or connect again for another instance.',
    retryAfter: 1,
  }),
  INTERNAL: row({
    status: 500,
    message: 'internal server error',
    hint: 'The log of the service has the reason; please report it.',
  }),
  FILTER_TOO_COSTLY: row<{ table: string }>({
    status: 400,
    message: (p) =>
      `the filter is too costly for a row of ${p.table}: neither this instance nor Postgres decided it in time`,
    hint: 'Use a simpler pattern, or filter on a column whose values are short; then subscribe again with a snapshot.',
  }),
  FILTER_COST: row<{ steps: number; limit: number }>({
    status: 400,
    message: (p) => `the filter may take ${p.steps} steps for each row; a live query may take ${p.limit}`,
    hint: 'Bound repetitions lower ({0,255} makes 255 copies), match fewer or shorter patterns, or follow a simpler filter and match in the client.',
  }),
  FILTER_BUDGET: row<{ steps: number; limit: number; where: 'share' | 'instance' }>({
    status: 429,
    message: (p) =>
      `with this query, the filters of this ${whose(p.where)} may take ${p.steps} steps for each row; the limit is ${p.limit}`,
    hint: 'Unsubscribe what is no longer shown, or use simpler filters: comparisons cost next to nothing, patterns cost states × characters.',
    retryAfter: 5,
  }),
  POLICY_FAILED: row<{ table: string; reason: string }>({
    status: 500,
    message: (p) => `a row-level security policy of ${p.table} failed: ${p.reason}`,
    hint: 'The log of the service has Postgres’s message. Correct the policy; it must work on a row that is not in the table (no ctid or other system columns).',
  }),
  ROWS_FAILED: row<{ table: string; reason: string }>({
    status: 500,
    message: (p) => `the rows of ${p.table} could not be read: ${p.reason}`,
    hint: 'The log of the service has Postgres’s message. Does a policy, a cast to json or a generated column fail on one of them? Leave the column out of select, or filter the row out.',
  }),
  TOO_MANY_STREAMS: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 503,
    message: (p) => `this ${whose(p.where)} has its ${p.limit} event streams`,
    hint: 'Try again, or connect again for another instance.',
    retryAfter: 5,
  }),
  STREAM_QUERY: row({
    status: 400,
    message: 'an event stream needs a query',
    hint: 'GET /live?query=<what you would GET, percent-encoded>; or connect by WebSocket, with the subprotocol tidemark.v1.',
  }),
  // Explaining
  OPERATOR_TOKEN_MISSING: row({
    status: 401,
    message: 'an inspection needs the token of the operator who asks',
    hint: 'Ask through GET /api/v1/performance/live of the metrics service. Do both services run the same version?',
  }),
  OPERATOR_REFUSED: row<{ role: string }>({
    status: 403,
    message: (p) => `the role "${p.role}" may not inspect subscriptions`,
    hint: 'Use a token whose role claim is ops or service_role.',
  }),
  SUB_UNKNOWN: row<{ sub: string }>({
    status: 404,
    message: (p) => `there is no subscription ${p.sub}`,
    hint: 'GET /api/v1/performance/live lists those that there are; after a reconnect, a client’s have other names.',
  }),
  SUB_ENDED: row<{ sub: string; at: string; reason: string }>({
    status: 410,
    message: (p) => `the subscription ${p.sub} ended at ${p.at}: ${p.reason}`,
    hint: 'Its client subscribes again, with a snapshot; GET /api/v1/performance/live lists the subscriptions that there are.',
  }),
  SUB_OTHER_TABLE: row<{ sub: string; follows: string; table: string }>({
    status: 400,
    message: (p) => `the subscription ${p.sub} follows ${p.follows}, not ${p.table}`,
    hint: (p) => `Ask for ${p.follows}, or for a subscription to ${p.table}.`,
  }),
  KEY_INVALID: row<{ key: string; columns: string }>({
    status: 400,
    message: (p) => `"${p.key}" is no key of (${p.columns})`,
    hint: 'Give the values of these columns in this order, as rows have them in JSON, separated by commas; one with a comma, a parenthesis or a quote in double quotes.',
  }),
  KEY_MISSING: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key to find a row’s changes by`,
    hint: 'Add a primary key.',
  }),
  KEY_NOT_CHANGED: row<{ key: string; table: string; since: string; through: string }>({
    status: 404,
    message: (p) => `no change of the row ${p.key} of ${p.table} is in this instance’s memory (${p.since})`,
    details: (p) => `every change up to the tidemark ${p.through} has come`,
    hint: 'Was it written, committed, and under this key? A Tidemark past that one has not come yet: see the relay’s lag. Older changes are forgotten (RING_MS, RING_BYTES): write the row again.',
  }),
  // Channels
  CHANNEL_FORBIDDEN: row<{ channel: string; right: 'join' | 'send'; command: 'select' | 'insert' }>({
    status: 403,
    message: (p) => `you may not ${p.right === 'join' ? 'join' : 'send to'} the channel "${p.channel}"`,
    hint: (p) =>
      `Policies on tidemark.channels for ${p.command} decide it, by kind and key of the name: user:<sub> is its user's own, public:<key> everybody's.`,
  }),
  CHANNEL_JOINED: row<{ channel: string }>({
    status: 409,
    message: (p) => `this socket is in the channel "${p.channel}" already`,
    hint: 'Send {"op":"state"} to show another state.',
  }),
  CHANNEL_NOT_JOINED: row<{ channel: string }>({
    status: 404,
    message: (p) => `this socket is not in the channel "${p.channel}"`,
    hint: 'Join it first; a "left" frame says where a place in it has ended.',
  }),
  CHANNEL_FULL: row<{ channel: string; limit: number }>({
    status: 429,
    message: (p) => `the channel "${p.channel}" shows ${p.limit} members already`,
    hint: 'Join without a state: messages come all the same, and only who is present is not shown.',
  }),
  CHANNEL_RATE: row<{ channel: string; limit: number; where: 'instance' | 'share' }>({
    status: 429,
    message: (p) =>
      `more than ${p.limit} messages came ${p.where === 'share' ? 'from you ' : ''}for the channel "${p.channel}" within a second`,
    hint: 'Send less often: what only the newest of matters (a position, typing) a few times a second.',
    retryAfter: 1,
  }),
  STATE_TOO_LARGE: row<{ limit: number }>({
    status: 413,
    message: (p) => `the state is larger than ${p.limit} bytes`,
    hint: 'Every member of the channel gets it: put what is large into a table, and its key into the state.',
  }),
  STATES_FULL: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 503,
    message: (p) => `the states that members of this ${whose(p.where)} show have ${p.limit} bytes already`,
    hint: 'Join without a state, or with a smaller one: messages come all the same.',
    retryAfter: 5,
  }),
  FRAMES_WAITING: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 503,
    message: (p) =>
      `the frames of this ${whose(p.where)} that wait for those before them have ${p.limit} bytes already`,
    hint: 'Wait for the answers before more is sent.',
    retryAfter: 1,
  }),
  TOO_MANY_CHANNELS: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 429,
    message: (p) => `this ${whose(p.where)} is in ${p.limit} channels`,
    hint: 'Try again, or connect again for another instance.',
    retryAfter: 5,
  }),
  TOKEN_EXPIRED: row({
    status: 401,
    message: 'the token of this socket has expired',
    hint: 'Send {"op":"auth"} with a new token in time, or connect again with one.',
  }),
});

/** Postgres's own code, as a GET of the same query answers. */
export const postgresErrors = defineErrors('', {
  '42501': row<{ schema: string; table: string; role: string; column?: string }>({
    status: 403,
    message: (p) =>
      p.column === undefined
        ? `permission denied for table ${p.table}`
        : `permission denied for column ${p.column} of table ${p.table}`,
    details: (p) => `role ${p.role}, table ${p.schema}.${p.table}`,
    hint: (p) =>
      `grant select${p.column === undefined ? '' : ` (${p.column})`} on ${p.schema}.${p.table} to ${p.role};`,
  }),
});
