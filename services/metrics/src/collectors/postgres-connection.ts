/** This service reports that Postgres is down, so it starts without Postgres and retries. */
import type { PoolStats } from '@tidemark/contracts';
import { type Database, type DatabaseOptions, openDatabase, openPool, type Pool } from '@tidemark/db';
import { errors } from '../errors.ts';

const RETRY_MS = 2_000;

/** Returns the major version of the server, such as 18. It may change with a failover, so it is asked each time. */
export async function majorVersion(pool: Pool, options: Parameters<Pool['query']>[2]): Promise<number> {
  const [row] = await pool.query<{ major: number }>(
    "select current_setting('server_version_num')::int / 10000 as major",
    [],
    options,
  );
  return row?.major as number;
}

export interface PostgresConnection {
  admin(): Pool;
  /** One connection to each replica, for statistics. */
  replicas: readonly Pool[];
  poolStats(): PoolStats[];
  close(): Promise<void>;
}

export interface InspectedConnection extends PostgresConnection {
  /** Connections and statements for operators: empty before the first connection. */
  readonly inspected: Pick<Database, 'held' | 'slow' | 'recent' | 'statementText'>;
}

/** A replica is not part of the database that this service reads from, which would poll it four times a second. */
const REPLICA_POOL = {
  min: 1,
  max: 1,
  waitingLimit: 8,
  statementTimeoutMs: 1_000,
  lifetimeMs: Number.MAX_SAFE_INTEGER,
};

export async function connectPostgres(
  options: DatabaseOptions,
  replicaUrls: readonly string[],
): Promise<InspectedConnection> {
  let database: Database | undefined;
  let problem: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function open(): Promise<void> {
    try {
      database = await openDatabase(options);
    } catch (error) {
      problem = error as Error;
      const { code } = error as { code?: string };
      if (code === 'DB_INVALID_URL' || code === 'DB_POOL_OPTION') throw error;
      if (!closed) timer = setTimeout(tryAgain, RETRY_MS);
    }
  }
  let opening = open();
  function tryAgain(): void {
    opening = open();
  }
  await opening;
  const { applicationName, settings = {}, observe = () => undefined } = options;
  const replicas = replicaUrls.map((url, index) =>
    openPool({ url, name: `replica${index + 1}`, applicationName, settings, options: REPLICA_POOL, observe }),
  );

  return {
    replicas,
    admin() {
      if (database) return database.pools.admin;
      const { message = 'Postgres has not answered yet' } = problem ?? {};
      throw errors.POSTGRES_UNREACHABLE({ reason: message }, { cause: problem });
    },
    poolStats: () => database?.poolStats() ?? [],
    inspected: {
      held: (limit) => database?.held(limit) ?? [],
      slow: () => database?.slow() ?? [],
      recent: () => database?.recent() ?? [],
      statementText: (id) => database?.statementText(id),
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await opening;
      await Promise.all([database?.close(), ...replicas.map((replica) => replica.close())]);
    },
  };
}
