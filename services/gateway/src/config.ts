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
import { cacheConfig } from './cache/config.ts';
import { limitsConfig } from './http/limits/config.ts';
import { parseRoleTimeouts, roleTimeouts } from './http/limits/role-timeouts.ts';
import { ownNames } from './postgrest-names.ts';
import { filesConfig } from './routes/files/config.ts';

export const configSchema = Type.Object({
  ...baseConfig,
  ...databaseConfig,
  ...tokenConfig,
  ...tracingConfig,
  PORT: Type.Integer({ default: 8080, minimum: 0, maximum: 65_535 }),
  DB_SCHEMAS: Type.String({
    default: 'public,tidemark',
    description: 'exposed schemas, separated by commas; the first is the default',
  }),
  DB_ANON_ROLE: Type.String({
    default: 'anon',
    description: 'role of requests without a token; a token may name it, too. none: such requests get 401',
  }),
  DB_EXTRA_SEARCH_PATH: Type.String({
    default: 'public',
    description:
      'schemas that statements search behind the exposed one of the request, separated by commas: for operators and functions of extensions. Their tables are not exposed',
  }),
  DB_PRE_REQUEST: Type.String({
    default: '',
    pattern: '^([^.]+([.][^.]+)?)?$',
    description:
      'function without arguments that is called at the beginning of each transaction, as the role of the request; empty: none',
  }),
  DB_TX_END: Type.Enum(['commit', 'commit-allow-override', 'rollback', 'rollback-allow-override'], {
    default: 'commit-allow-override',
    description: 'how transactions end, and whether Prefer: tx=commit or tx=rollback may say otherwise',
  }),
  DB_AGGREGATES_ENABLED: Type.Boolean({
    default: true,
    description: 'whether requests may use avg(), count(), max(), min() and sum() in select',
  }),
  DB_MAX_ROWS: Type.Integer({
    default: 10_000,
    minimum: 1,
    description: 'rows in one answer: about 10 MB of JSON at 1 KB a row; more is for exports and paging',
  }),
  EXAMPLES_DIR: Type.String({
    default: '',
    description: 'folder that is served at /examples/, such as the built examples of @tidemark/client; empty: none',
  }),
  DB_PLAN_ENABLED: Type.Boolean({
    default: false,
    description:
      'answers Accept: application/vnd.pgrst.plan with the execution plan, which reveals parts of the schema and its data',
  }),
  DB_PLAN_ROLES: Type.String({
    default: 'service_role',
    description:
      'roles that may see plans, separated by commas. A plan is refused all the same where row-level security or a view may hide rows from the role',
  }),
  COUNT_ESTIMATED_THRESHOLD: Type.Integer({
    default: 10_000,
    minimum: 0,
    description: 'rows up to which Prefer: count=estimated counts, some ms; above it the planner estimates',
  }),
  EXPORTS_MAX: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 500,
    description:
      'concurrent exports; one more gets 503. Below the 10 connections for them, so that reports still get one',
  }),
  STATEMENT_TIMEOUTS: roleTimeouts(
    'anon=5s,authenticated=10s,service_role=60s,*=15s',
    'longest time for a statement, and for all statements of a transaction together, by role (*: any other role), for all media types; a lower statement_timeout of the role has precedence',
  ),
  EXPORT_TIMEOUTS: roleTimeouts(
    'anon=60s,*=600s',
    'longest time for a whole export by role (*: any other role), including the pauses of the client: it holds a snapshot, which delays vacuum',
  ),
  EXPORT_STALL_MS: Type.Integer({
    default: 30_000,
    minimum: 100,
    description: 'ms that a client may leave an export unread; then the export is cut off and its connection freed',
  }),
  DB_LAG_HEALTHY_MS: Type.Integer({
    default: 1_000,
    minimum: 1,
    description: 'lag in ms below which an excluded replica is used again',
  }),
  DB_LAG_MOST_MS: Type.Integer({
    default: 5_000,
    minimum: 1,
    description: 'lag in ms above which a replica is excluded, with a warning',
  }),
  DB_FAILOVER_AFTER_MS: Type.Integer({
    default: 2_000,
    minimum: 0,
    description: 'ms without the primary after which writes follow a promoted replica',
  }),
  CATALOG_INTERVAL_MS: Type.Integer({
    default: 1_000,
    minimum: 100,
    description: 'ms between checks for a changed schema; a check costs Postgres under 2 ms',
  }),
  BODY_LIMIT_BYTES: Type.Integer({
    default: 10 * 1024 ** 2,
    minimum: 1_024,
    description: 'bytes of a request body; it is held in memory about three times',
  }),
  BODIES_READING_BYTES: Type.Integer({
    default: 256 * 1024 ** 2,
    minimum: 1_024,
    description: 'bytes of all partly received request bodies; a body beyond it gets 503',
  }),
  ANSWER_MAX_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 65_536,
    maximum: 1024 ** 3,
    description:
      'bytes of one answer from Postgres, which is held in memory as a whole; a larger one is refused. Streamed CSV and NDJSON have no limit',
  }),
  ANSWERS_TOTAL_BYTES: Type.Integer({
    default: 256 * 1024 ** 2,
    minimum: 65_536,
    description:
      'bytes of all answers that are being read or sent; beyond it requests get 503. Once half is in use, one identity may have a quarter',
  }),
  EMBED_ROWS_MAX: Type.Number({
    default: 1e20,
    minimum: 1,
    description:
      'product of the limits along a path of nested to-many embeds, with DB_MAX_ROWS for a missing limit: 5 levels of 10,000 rows',
  }),
  INSERT_GROUP_ROWS: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 10_000,
    description:
      'concurrent inserts joined into one statement; more gain little, and fail together. 1: inserts are not joined',
  }),
  INSERT_GROUP_BYTES: Type.Integer({
    default: 1024 ** 2,
    minimum: 1_024,
    description: 'characters of JSON in one joined statement: some 10 ms of parsing',
  }),
  INSERT_GROUPS_WAITING: Type.Integer({
    default: 10_000,
    minimum: 1,
    description: 'inserts that wait for the group before them; one more gets 503. About one second of inserts',
  }),
  INSERT_GROUPS_WAITING_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 1_024,
    description: 'characters of JSON of waiting inserts, held in memory about twice',
  }),
  INSERT_GROUPS_IDENTITY_PERCENT: Type.Integer({
    default: 25,
    minimum: 1,
    maximum: 100,
    description: 'percentage of both that the inserts of one identity (or address) may use once over half is used',
  }),
  IDEMPOTENCY_TTL_S: Type.Integer({
    default: 86_400,
    minimum: 1,
    description: 'seconds for which the answer to an Idempotency-Key is kept: longer than clients retry',
  }),
  IDEMPOTENCY_ANSWER_BYTES: Type.Integer({
    default: 256 * 1024,
    minimum: 1_024,
    description: 'bytes of one answer kept for an Idempotency-Key',
  }),
  IDEMPOTENCY_KEYS_MAX: Type.Integer({
    default: 1_000_000,
    minimum: 1,
    description: 'Idempotency-Keys of all clients, counted each minute: about 1 GB at 1 KB an answer',
  }),
  IDEMPOTENCY_BYTES_MAX: Type.Integer({
    default: 1024 ** 3,
    minimum: 1_024,
    description:
      'bytes of the answers kept for Idempotency-Keys, counted each minute, plus those this gateway has kept since',
  }),
  IDEMPOTENCY_IDENTITY_PERCENT: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 100,
    description:
      'percentage of both that one identity may use once over half is used, so that it cannot exclude others',
  }),
  PER_ROW_MAX_ROWS: Type.Integer({
    default: 1_000,
    minimum: 1,
    description:
      'rows of a write with results=per-row: each is a subtransaction, which slows down all other transactions',
  }),
  TRANSACTION_MAX_OPERATIONS: Type.Integer({
    default: 100,
    minimum: 1,
    description: 'operations of POST /api/v1/transaction: their locks are held until the last one ends',
  }),
  ...cacheConfig,
  COMPRESSION_MIN_BYTES: Type.Integer({
    default: 1_024,
    minimum: 0,
    description:
      'bytes of text from which an answer is compressed: less fits in one packet. 0: answers are not compressed',
  }),
  COMPRESSION_LEVEL: Type.Integer({
    default: GZIP_LEVEL,
    minimum: 1,
    maximum: 9,
    description: 'level of gzip: 9 takes twice the time of 6 for 2 % fewer bytes',
  }),
  OPENAPI_MODE: Type.Enum(['follow-privileges', 'ignore-privileges', 'disabled'], {
    default: 'follow-privileges',
    description: 'content of /openapi.json: what the role may use, everything that is exposed, or nothing (404)',
  }),
  SERVER_TIMING: Type.Boolean({
    default: false,
    description: 'adds Server-Timing to answers, for all clients',
  }),
  REQUEST_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 1_000,
    description: 'ms for receiving a whole request; slower clients are cut off',
  }),
  ...fileStoreConfig,
  ...filesConfig,
  ...limiterConfig,
  ...opensConfig,
  ...limitsConfig,
  REALTIME_URL: Type.String({
    default: '',
    description: 'the URLs to which /live is proxied, separated by commas; empty: it is not',
  }),
  METRICS_URL: Type.String({
    default: '',
    description: 'the URL to which /console, /api/v1/performance and /api/metrics are proxied; empty: they are not',
  }),
});

export interface Config extends Readonly<Static<typeof configSchema>> {
  readonly schemas: readonly string[];
  readonly extraSearchPath: readonly string[];
  /** Without a key, tokens are refused in place of the start. */
  readonly keysOptional: boolean;
  /** PostgREST's settings that have no meaning here. */
  readonly ignoredSettings: readonly string[];
  /** `app.settings.<name>`, for functions and policies. */
  readonly appSettings: Readonly<Record<string, string>>;
  /** The roles that a token may name. */
  readonly tokenRoles: string;
  readonly planRoles: readonly string[];
  readonly realtimeUrls: readonly string[];
  /** ms by role. */
  readonly statementTimeouts: ReadonlyMap<string, number>;
  readonly exportTimeouts: ReadonlyMap<string, number>;
}

/** The value of DB_ANON_ROLE that refuses requests without a token. Postgres has no role of that name. */
export const NO_ROLE = 'none';

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const { env: own, ignored, isPostgrest, appSettings } = ownNames(env);
  const config = loadConfig(configSchema, own, databaseAliases);
  return Object.freeze({
    ...config,
    extraSearchPath: commaSeparated(config.DB_EXTRA_SEARCH_PATH),
    keysOptional: isPostgrest,
    ignoredSettings: Object.freeze(ignored),
    appSettings: Object.freeze(appSettings),
    tokenRoles: [config.JWT_ROLES, ...(config.DB_ANON_ROLE === NO_ROLE ? [] : [config.DB_ANON_ROLE])].join(),
    schemas: commaSeparated(config.DB_SCHEMAS),
    planRoles: commaSeparated(config.DB_PLAN_ROLES),
    statementTimeouts: parseRoleTimeouts(config.STATEMENT_TIMEOUTS),
    exportTimeouts: parseRoleTimeouts(config.EXPORT_TIMEOUTS),
    realtimeUrls: commaSeparated(config.REALTIME_URL),
  });
}
