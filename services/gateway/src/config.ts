import { fileStoreConfig } from '@tidemark/files';
import {
  baseConfig,
  commaSeparated,
  databaseAliases,
  databaseConfig,
  GZIP_LEVEL,
  limiterConfig,
  loadConfig,
  opensConfig,
  tokenConfig,
  tracingConfig,
} from '@tidemark/service';
import { type Static, Type } from 'typebox';
import { limitsConfig } from './http/limits/config.ts';
import { parseRoleTimeouts, roleTimeouts } from './http/limits/role-timeouts.ts';
import { filesConfig } from './routes/files/config.ts';

const configSchema = Type.Object({
  ...baseConfig,
  ...databaseConfig,
  ...tokenConfig,
  ...tracingConfig,
  PORT: Type.Integer({ default: 8080, minimum: 0, maximum: 65_535 }),
  DB_SCHEMAS: Type.String({
    default: 'public,tidemark',
    description: 'exposed schemas, separated by commas; the first is the default',
  }),
  DB_ANON_ROLE: Type.String({ default: 'anon', description: 'role of requests without a token' }),
  DB_MAX_ROWS: Type.Integer({
    default: 10_000,
    minimum: 1,
    description: 'rows in one answer: about 10 MB of JSON at 1 KB a row; more is for exports and paging',
  }),
  DB_PLAN_ENABLED: Type.Boolean({
    default: false,
    description:
      'answers Accept: application/vnd.pgrst.plan with the execution plan, which tells of the schema and its data',
  }),
  DB_PLAN_ROLES: Type.String({
    default: 'service_role',
    description:
      'roles that are shown plans, separated by commas. Whatever is named, a plan is refused where row-level security or a view may hide rows from the role',
  }),
  COUNT_ESTIMATED_THRESHOLD: Type.Integer({
    default: 10_000,
    minimum: 0,
    description: 'rows up to which Prefer: count=estimated counts, some ms; above it the planner is asked',
  }),
  EXPORTS_MAX: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 500,
    description:
      'exports at a time; one more gets 503. Below the 10 connections for them, so that reports still get one',
  }),
  STATEMENT_TIMEOUTS: roleTimeouts(
    'anon=5s,authenticated=10s,service_role=60s,*=15s',
    'most time for a statement, and for all statements of a transaction together, by role (*: any other), whatever the media type; a role’s own statement_timeout holds where it is lower',
  ),
  EXPORT_TIMEOUTS: roleTimeouts(
    'anon=60s,*=600s',
    'most time for a whole export by role (*: any other), the client’s pauses included: it holds a snapshot, which keeps vacuum back',
  ),
  EXPORT_STALL_MS: Type.Integer({
    default: 30_000,
    minimum: 100,
    description: 'ms that a client may leave an export unread; then it is cut off and its connection freed',
  }),
  DB_LAG_HEALTHY_MS: Type.Integer({
    default: 1_000,
    minimum: 1,
    description: 'ms: a replica that was left out is read from again under this lag',
  }),
  DB_LAG_MOST_MS: Type.Integer({
    default: 5_000,
    minimum: 1,
    description: 'ms: a replica is left out, with a warning, over this lag',
  }),
  DB_FAILOVER_AFTER_MS: Type.Integer({
    default: 2_000,
    minimum: 0,
    description: 'ms that the primary must be gone before writes follow a promoted replica',
  }),
  CATALOG_INTERVAL_MS: Type.Integer({
    default: 1_000,
    minimum: 100,
    description: 'ms between looks for a changed schema; a look costs Postgres under 2 ms',
  }),
  BODY_LIMIT_BYTES: Type.Integer({
    default: 10 * 1024 ** 2,
    minimum: 1_024,
    description: 'bytes of a request body; it is held in memory about three times',
  }),
  BODIES_READING_BYTES: Type.Integer({
    default: 256 * 1024 ** 2,
    minimum: 1_024,
    description: 'bytes of all request bodies that have come in part; one that comes on top gets 503',
  }),
  ANSWER_MAX_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 65_536,
    maximum: 1024 ** 3,
    description:
      'bytes of one answer from Postgres, held in memory as a whole; more is refused. CSV and NDJSON are streamed without it',
  }),
  ANSWERS_TOTAL_BYTES: Type.Integer({
    default: 256 * 1024 ** 2,
    minimum: 65_536,
    description:
      'bytes of all answers that are being read or sent; more get 503. One identity has a quarter of it once half is in use',
  }),
  EMBED_ROWS_MAX: Type.Number({
    default: 1e20,
    minimum: 1,
    description:
      'product of the limits along a path of nested to-many embeds, DB_MAX_ROWS where none is given: 5 levels of 10,000 rows',
  }),
  INSERT_GROUP_ROWS: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 10_000,
    description: 'concurrent inserts joined into one statement; more gains little and fails together. 1: none are',
  }),
  INSERT_GROUP_BYTES: Type.Integer({
    default: 1024 ** 2,
    minimum: 1_024,
    description: 'characters of JSON in one joined statement: some 10 ms of parsing',
  }),
  INSERT_GROUPS_WAITING: Type.Integer({
    default: 10_000,
    minimum: 1,
    description: 'inserts that wait for the group before them; one more gets 503. About a second of inserts',
  }),
  INSERT_GROUPS_WAITING_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 1_024,
    description: 'characters of JSON of these; they are held in memory about twice',
  }),
  INSERT_GROUPS_IDENTITY_PERCENT: Type.Integer({
    default: 25,
    minimum: 1,
    maximum: 100,
    description: 'percent of both that inserts of one identity (or address) may have, once over half is taken',
  }),
  IDEMPOTENCY_TTL_S: Type.Integer({
    default: 86_400,
    minimum: 1,
    description: 'seconds that the answer to an Idempotency-Key is kept: longer than any client retries',
  }),
  IDEMPOTENCY_ANSWER_BYTES: Type.Integer({
    default: 256 * 1024,
    minimum: 1_024,
    description: 'bytes of an answer that is kept for an Idempotency-Key',
  }),
  IDEMPOTENCY_KEYS_MAX: Type.Integer({
    default: 1_000_000,
    minimum: 1,
    description: 'Idempotency-Keys kept over all clients, counted each minute: about 1 GB at 1 KB an answer',
  }),
  IDEMPOTENCY_BYTES_MAX: Type.Integer({
    default: 1024 ** 3,
    minimum: 1_024,
    description: 'bytes of the answers kept for them, counted each minute, and what this gateway keeps at once',
  }),
  IDEMPOTENCY_IDENTITY_PERCENT: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 100,
    description: 'percent of both that one identity may have, once over half is taken: nobody keeps the others out',
  }),
  PER_ROW_MAX_ROWS: Type.Integer({
    default: 1_000,
    minimum: 1,
    description: 'rows of a write with results=per-row: each is a subtransaction, which costs all other transactions',
  }),
  TRANSACTION_MAX_OPERATIONS: Type.Integer({
    default: 100,
    minimum: 1,
    description: 'operations of POST /api/v1/transaction: their locks are held until the last is done',
  }),
  CACHE_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 0,
    description: 'bytes of answers kept in memory, dropped by what the relay publishes; 0: no cache',
  }),
  CACHE_ENTRY_BYTES: Type.Integer({
    default: 1024 ** 2,
    minimum: 1,
    description: 'bytes of the largest answer that is kept: one must not push out hundreds of others',
  }),
  CACHE_MAX_ENTRIES: Type.Integer({
    default: 65_535,
    minimum: 1,
    description: 'answers kept in memory: small ones cost some 600 bytes beside their own, counted in CACHE_BYTES',
  }),
  CACHE_TTL_MS: Type.Integer({
    default: 300_000,
    minimum: 1_000,
    description: 'ms that an answer is kept at most, whatever the relay says of its tables',
  }),
  CACHE_SILENCE_MS: Type.Integer({
    default: 2_000,
    minimum: 600,
    description: 'ms without the relay’s heartbeat (each 500 ms) after which nothing is answered from the cache',
  }),
  CACHE_WAIT_MS: Type.Integer({
    default: 5_000,
    minimum: 10,
    description: 'ms that a read waits for the statement of an equal one; then it is refused with 503',
  }),
  CACHE_URL: Type.String({
    default: '',
    pattern: '^(rediss?://.+)?$',
    description: 'Redis or Valkey as a second level of the cache, shared by gateways: redis://host:6379; empty: none',
  }),
  CACHE_SHARED_TTL_S: Type.Integer({
    default: 300,
    minimum: 1,
    description: 'seconds that the second level keeps an answer: what is asked for again is asked for within minutes',
  }),
  CACHE_SHARED_TIMEOUT_MS: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 1_000,
    description: 'ms that a read waits for the second level: beyond them, asking Postgres is not slower',
  }),
  CACHE_PUBLICATION: Type.String({
    default: 'tidemark',
    description: 'the publication that the relay follows: tables outside of it are not cached',
  }),
  COMPRESSION_MIN_BYTES: Type.Integer({
    default: 1_024,
    minimum: 0,
    description: 'bytes of text from which an answer is compressed: less fits in one packet. 0: none is',
  }),
  COMPRESSION_LEVEL: Type.Integer({
    default: GZIP_LEVEL,
    minimum: 1,
    maximum: 9,
    description: 'level of gzip: 9 takes twice the time of 6 for 2 % fewer bytes',
  }),
  SERVER_TIMING: Type.Boolean({
    default: false,
    description: 'answers say in Server-Timing where their time went, to whoever asks',
  }),
  REQUEST_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 1_000,
    description: 'ms for receiving a whole request: slower clients are cut off',
  }),
  ...fileStoreConfig,
  ...filesConfig,
  ...limiterConfig,
  ...opensConfig,
  ...limitsConfig,
  REALTIME_URL: Type.String({ default: '', description: 'where /live is proxied to; empty: not at all' }),
  METRICS_URL: Type.String({
    default: '',
    description: 'where /console and /api/v1/performance are proxied to; empty: not at all',
  }),
});

export interface Config extends Readonly<Static<typeof configSchema>> {
  readonly schemas: readonly string[];
  readonly planRoles: readonly string[];
  readonly realtimeUrls: readonly string[];
  /** ms by role. */
  readonly statementTimeouts: ReadonlyMap<string, number>;
  readonly exportTimeouts: ReadonlyMap<string, number>;
}

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const config = loadConfig(configSchema, env, databaseAliases);
  return Object.freeze({
    ...config,
    schemas: commaSeparated(config.DB_SCHEMAS),
    planRoles: commaSeparated(config.DB_PLAN_ROLES),
    statementTimeouts: parseRoleTimeouts(config.STATEMENT_TIMEOUTS),
    exportTimeouts: parseRoleTimeouts(config.EXPORT_TIMEOUTS),
    realtimeUrls: commaSeparated(config.REALTIME_URL),
  });
}
