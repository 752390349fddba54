import { baseConfig, commaSeparated, loadConfig } from '@tidemark/service';
import { type Static, Type } from 'typebox';

export const configSchema = Type.Object({
  ...baseConfig,
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
  DB_READ_POOL_MAX: Type.Integer({ default: 20, minimum: 1, maximum: 500, description: 'connections to each replica' }),
  DB_WRITE_POOL_MAX: Type.Integer({ default: 10, minimum: 1, maximum: 500, description: 'connections to the primary' }),
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
  REQUEST_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 1_000,
    description: 'ms for receiving a whole request: slower clients are cut off',
  }),
  TIDEMARK_FILES_DIR: Type.String({
    minLength: 1,
    description: 'folder of the file store, shared with the batch service',
  }),
  REALTIME_URL: Type.String({ default: '', description: 'where /live is proxied to; empty: not at all' }),
  METRICS_URL: Type.String({
    default: '',
    description: 'where /console and /api/v1/performance are proxied to; empty: not at all',
  }),
});

export interface Config extends Readonly<Static<typeof configSchema>> {
  readonly schemas: readonly string[];
  readonly replicaUrls: readonly string[];
  readonly realtimeUrls: readonly string[];
}

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const config = loadConfig(configSchema, env);
  return Object.freeze({
    ...config,
    schemas: commaSeparated(config.DB_SCHEMAS),
    replicaUrls: commaSeparated(config.DATABASE_REPLICA_URLS),
    realtimeUrls: commaSeparated(config.REALTIME_URL),
  });
}
