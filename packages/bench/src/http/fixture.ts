import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, runScript } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { type Env, type ServerProcess, startServer } from '../processes/server.ts';
import { SECRET, startService } from '../processes/services.ts';

const POOL = 10;
/** POOL holds for primary and replica each. All load comes from one address, which the limits would restrict. */
const GATEWAY_ENV = {
  DB_READ_POOL_MAX: String(POOL),
  DB_WRITE_POOL_MAX: String(POOL),
  RATE_LIMITS: 'off',
  WORK_LIMITS: 'off',
};

export type BaselineName =
  | 'constant'
  | 'copy'
  | 'insert'
  | 'postgraphile'
  | 'postgraphile-no-role'
  | 'psql'
  | 'read'
  | 'read-rls';

export interface Fixture {
  readonly durable: boolean;
  /** A quick run shows that everything works, not how fast it is. */
  readonly quick: boolean;
  readonly databaseUrl: string;
  gateway(env?: Env): Promise<ServerProcess>;
  /** Starts the relay, without which the gateway's cache serves nothing. */
  realtime(): Promise<ServerProcess>;
  baseline(name: BaselineName): Promise<ServerProcess>;
  /** Ends all processes before the next scenario, which shares them in a quick run. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** A checkpoint would slow down one contender; with 4 GB of WAL it comes after hours of inserts. */
const DURABLE = { durable: true, postgresSettings: { checkpoint_timeout: '1h', max_wal_size: '4GB' } };

/** Takes about 3 s. `durable` is for writes; in memory reads vary less. */
export async function openFixture({ durable = false, quick = false } = {}): Promise<Fixture> {
  const stack = await startTemporaryStack(durable ? DURABLE : {});
  const filesDir = join(tmpdir(), `tidemark-bench-${process.pid}`);
  const databaseUrl = stack.primary.url;
  const servers = { primaryUrl: databaseUrl, replicaUrl: stack.replicas[0]?.url, natsUrl: stack.nats.url };
  const prefix = `b${randomBytes(4).toString('hex')}`;
  const processes = new Map<string, Promise<ServerProcess>>();

  async function endAll(): Promise<void> {
    const settled = await Promise.allSettled(processes.values());
    processes.clear();
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  }

  async function stop(): Promise<void> {
    await endAll();
    await stack.stop();
    await rm(filesDir, { recursive: true, force: true });
  }

  function once(name: string, env: Env, start: (env: Env) => Promise<ServerProcess>): Promise<ServerProcess> {
    const key = JSON.stringify([name, env]);
    const server = processes.get(key) ?? start(env);
    processes.set(key, server);
    return server;
  }

  const service = (name: 'gateway' | 'realtime', env: Env) =>
    once(name, { LOG_LEVEL: 'error', NATS_PREFIX: prefix, TIDEMARK_FILES_DIR: filesDir, ...env }, (env) =>
      startService(name, servers, { env }),
    );

  try {
    await migrate(databaseUrl);
    await runScript(databaseUrl, await readFile(join(import.meta.dirname, '..', '..', 'sql', 'tables.sql'), 'utf8'));
    await stack.replicas[0]?.caughtUp();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    durable,
    quick,
    databaseUrl,
    gateway: (env) => service('gateway', { ...GATEWAY_ENV, ...env }),
    realtime: () => service('realtime', {}),
    baseline: (name) =>
      once(name, { DATABASE_URL: databaseUrl, POOL: String(POOL), JWT_SECRET: SECRET }, (env) =>
        startServer(name, join(import.meta.dirname, '..', 'baselines', `${name}.js`), { env }),
      ),
    clear: quick ? async () => {} : endAll,
    stop,
  };
}
