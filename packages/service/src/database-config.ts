import type { DatabaseOptions, PoolOptions } from '@tidemark/db';
import { type Static, type TProperties, Type } from 'typebox';
import { commaSeparated } from './config.ts';

const max = (pool: string, size: number) =>
  Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 1_000,
    description: `most connections of the ${pool}; 0: ${size}, or fewer where the server has not enough for all instances`,
  });
const min = (pool: string, size: number) =>
  Type.Integer({ default: size, minimum: 0, maximum: 1_000, description: `connections that the ${pool} keeps open` });
const ms = (value: number, description: string) => Type.Integer({ default: value, minimum: 1, description });

export const databaseConfig = {
  DB_READ_POOL_MAX: max('pool for each replica', 50),
  DB_READ_POOL_MIN: min('pool for each replica', 1),
  DB_WRITE_POOL_MAX: max('pool for the primary', 20),
  DB_WRITE_POOL_MIN: min('pool for the primary', 1),
  DB_ANALYTICS_POOL_MAX: max('pool for exports and reports, on each server', 10),
  DB_ANALYTICS_POOL_MIN: min('pool for exports and reports, on each server', 0),
  DB_ADMIN_POOL_MAX: max('pool for the service’s own statements', 5),
  DB_ADMIN_POOL_MIN: min('pool for the service’s own statements', 1),
  DB_IDLE_TIMEOUT_MS: ms(60_000, 'ms after which an idle connection above the minimum is closed'),
  DB_CONNECT_TIMEOUT_MS: ms(5_000, 'ms for opening a connection'),
  DB_ACQUIRE_TIMEOUT_MS: ms(5_000, 'ms that a request waits for a connection; it outlasts a restart of the primary'),
  DB_LIFETIME_MS: ms(
    1_800_000,
    'ms after which a connection is replaced (± 10 %): the memory of its backend only grows',
  ),
  DB_STATEMENT_TIMEOUT_MS: ms(
    15_000,
    'ms for a statement of the pools for primary and replicas, where no limit by role holds',
  ),
  DB_IDLE_IN_TRANSACTION_TIMEOUT_MS: Type.Integer({
    default: 300_000,
    minimum: 0,
    description: 'ms after which Postgres ends a session whose transaction waits for its client; 0: never',
  }),
  DB_PREPARED_BYTES: Type.Integer({
    default: 16 * 1024 ** 2,
    minimum: 1024 ** 2,
    description:
      'bytes of Postgres’s memory for the prepared statements of one connection: some 300 of them; past it a connection is replaced',
  }),
  DB_SLOW_MS: Type.Integer({
    default: 1_000,
    minimum: 0,
    description:
      'ms of execution after which a statement is kept and logged as slow, with its route and trace; 0: none is',
  }),
  DB_STATEMENT_HISTORY: Type.Integer({
    default: 200,
    minimum: 1,
    maximum: 10_000,
    description: 'statements that are kept of the latest, and of the slow ones: some 500 bytes each',
  }),
  ENABLE_PERFORMANCE_MONITORING: Type.Boolean({
    default: true,
    description: 'keeps figures of statements (calls, times, rows), the latest and the slow ones',
  }),
  DB_READ_REPLICA_HOST: Type.String({
    default: '',
    pattern: '^[^/@]*$',
    description:
      'host or host:port of a replica, with the user, password, database and (without one) port of DATABASE_URL; an alternative to DATABASE_REPLICA_URLS',
  }),
} satisfies TProperties;

/** These are the names in other servers. */
export const databaseAliases = {
  DB_READ_REPLICA_POOL_SIZE: 'DB_READ_POOL_MAX',
  DB_WEBAPP_POOL_SIZE: 'DB_WRITE_POOL_MAX',
  DB_POOL_MAX: 'DB_WRITE_POOL_MAX',
  DB_READONLY_POOL_SIZE: 'DB_ANALYTICS_POOL_MAX',
  DB_ADMIN_POOL_SIZE: 'DB_ADMIN_POOL_MAX',
  SLOW_QUERY_THRESHOLD_MS: 'DB_SLOW_MS',
  QUERY_METRICS_HISTORY: 'DB_STATEMENT_HISTORY',
} as const;

type Settings = { readonly [K in keyof typeof databaseConfig]: Static<(typeof databaseConfig)[K]> };
type ReplicaSetting = 'DB_READ_POOL_MAX' | 'DB_READ_POOL_MIN' | 'DB_READ_REPLICA_HOST';
type DatabaseConfig = Omit<Settings, ReplicaSetting> &
  Partial<Pick<Settings, ReplicaSetting>> & {
    readonly DATABASE_URL: string;
    readonly DATABASE_DIRECT_URL?: string;
    readonly DATABASE_REPLICA_URLS?: string;
  };
type PoolKind = keyof NonNullable<DatabaseOptions['pools']>;

export function databaseOptions(config: DatabaseConfig): Pick<
  DatabaseOptions,
  'primaryUrl' | 'slowMs' | 'statementHistory' | 'recordStatements'
> & {
  replicaUrls: string[];
  pools: Record<PoolKind, Partial<PoolOptions>>;
} {
  const shared = {
    idleTimeoutMs: config.DB_IDLE_TIMEOUT_MS,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    acquireTimeoutMs: config.DB_ACQUIRE_TIMEOUT_MS,
    lifetimeMs: config.DB_LIFETIME_MS,
    idleInTransactionTimeoutMs: config.DB_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    preparedBytes: config.DB_PREPARED_BYTES,
  };
  const sizes = (least: number, most: number) => ({ ...shared, min: least, ...(most === 0 ? {} : { max: most }) });
  const timed = { statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS };
  return {
    primaryUrl: config.DATABASE_DIRECT_URL || config.DATABASE_URL,
    replicaUrls: [...commaSeparated(config.DATABASE_REPLICA_URLS ?? ''), ...replicaOfHost(config)],
    slowMs: config.DB_SLOW_MS,
    statementHistory: config.DB_STATEMENT_HISTORY,
    recordStatements: config.ENABLE_PERFORMANCE_MONITORING,
    pools: {
      read: { ...sizes(config.DB_READ_POOL_MIN ?? 1, config.DB_READ_POOL_MAX ?? 0), ...timed },
      write: { ...sizes(config.DB_WRITE_POOL_MIN, config.DB_WRITE_POOL_MAX), ...timed },
      analytics: sizes(config.DB_ANALYTICS_POOL_MIN, config.DB_ANALYTICS_POOL_MAX),
      admin: sizes(config.DB_ADMIN_POOL_MIN, config.DB_ADMIN_POOL_MAX),
    },
  };
}

function replicaOfHost({ DB_READ_REPLICA_HOST: host = '', ...config }: DatabaseConfig): string[] {
  if (host === '') return [];
  const url = new URL(config.DATABASE_DIRECT_URL || config.DATABASE_URL);
  // `host` keeps the port if the value names none.
  url.host = host;
  return [url.href];
}
