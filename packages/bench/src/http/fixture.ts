/** What all scenarios run on: one stack (primary, replica, NATS), one database with our tables, a token. */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate, runScript } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { SignJWT } from 'jose';
import { type ServerProcess, startServer } from '../processes/server.ts';

const SECRET = 'a secret of thirty-two characters';
/** Connections of a hand-written server, as the issue has it. */
const POOL = 10;
/** Our connections to each of primary and replica: the same number. */
const GATEWAY_POOL = { DB_READ_POOL_MAX: String(POOL), DB_WRITE_POOL_MAX: String(POOL) };

/** Below src/baselines, without the ending. */
export type Baseline =
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
  /** It is to show that it works, not how fast it is. */
  readonly quick: boolean;
  readonly databaseUrl: string;
  gateway(env?: Readonly<Record<string, string>>): Promise<ServerProcess>;
  /** The relay, without which the gateway's cache serves nothing. */
  realtime(): Promise<ServerProcess>;
  baseline(name: Baseline): Promise<ServerProcess>;
  /** For role `authenticated`. */
  token(sub: string): Promise<string>;
  /** Before the next scenario: ends every process that was started above; when quick, they stay and serve it, too. */
  clear(): Promise<void>;
  /** Ends every process, then the stack. */
  stop(): Promise<void>;
}

/** A checkpoint, which meets one server and not the other, comes after 4 GB of WAL: some hours of inserts. */
const DURABLE = { durable: true, postgresSettings: { checkpoint_timeout: '1h', max_wal_size: '4GB' } };

/**
 * Takes about 3 s. In memory, without fsync, what is read is measured: what a disk costs is the same for every server, and
 * noise. Writes are measured `durable`: on the disk, with fsync and synchronous_commit on, as a database commits.
 */
export async function openFixture({ durable = false, quick = false } = {}): Promise<Fixture> {
  const stack = await startTemporaryStack(durable ? DURABLE : {});
  const filesDir = join(tmpdir(), `tidemark-bench-${process.pid}`);
  /** Started or starting, by what they run with: one whose neighbour failed is ended as well. */
  const servers = new Map<string, Promise<ServerProcess>>();
  const databaseUrl = stack.primary.url;

  async function endAll(): Promise<void> {
    const settled = await Promise.allSettled(servers.values());
    servers.clear();
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  }

  async function stop(): Promise<void> {
    await endAll();
    await stack.stop();
    await rm(filesDir, { recursive: true, force: true });
  }

  function start(name: string, path: string, env: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const key = JSON.stringify([path, env]);
    const server = servers.get(key) ?? startServer(name, path, env);
    servers.set(key, server);
    return server;
  }

  const service = (name: 'gateway' | 'realtime', env: Readonly<Record<string, string>>) =>
    start(name, fileURLToPath(import.meta.resolve(`@tidemark/${name}/main`)), {
      PORT: '0',
      LOG_LEVEL: 'error',
      DATABASE_URL: databaseUrl,
      DATABASE_REPLICA_URLS: stack.replicas[0]?.url ?? '',
      NATS_URL: stack.nats.url,
      NATS_PREFIX: prefix,
      JWT_SECRET: SECRET,
      TIDEMARK_FILES_DIR: filesDir,
      ...env,
    });

  const prefix = `b${randomBytes(4).toString('hex')}`;
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
    // All load comes from one address, as one identity: what is measured is the work, not the share of it.
    gateway: (env = {}) => service('gateway', { ...GATEWAY_POOL, RATE_LIMITS: 'off', WORK_LIMITS: 'off', ...env }),
    realtime: () => service('realtime', {}),
    baseline: (name) =>
      start(name, join(import.meta.dirname, '..', 'baselines', `${name}.js`), {
        DATABASE_URL: databaseUrl,
        POOL: String(POOL),
        JWT_SECRET: SECRET,
      }),
    token: (sub) =>
      new SignJWT({ role: 'authenticated', sub })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(SECRET)),
    clear: quick ? async () => {} : endAll,
    stop,
  };
}
