/** A running service on a database and a NATS prefix of its own, and a client to try it with. */

import { connectBus } from '@tidemark/bus';
import { deleteStreams } from '@tidemark/bus/client';
import { migrate } from '@tidemark/db';
import { runPhases } from '@tidemark/service';
import { METRICS_ENV, type TestDatabase, until, useTestStack } from '@tidemark/testing';
import { CompactSign, SignJWT } from 'jose';
import pg from 'pg';
import { type RunningRealtime, start } from '../src/start.ts';

export const SECRET = 'a secret for tests that is long enough';

export interface TestRealtime {
  url: string;
  database: TestDatabase;
  prefix: string;
  realtime: RunningRealtime['realtime'];
  phases: RunningRealtime['phases'];
  /** SQL on the primary, as its owner. */
  sql<R extends pg.QueryResultRow = pg.QueryResultRow>(text: string, params?: unknown[]): Promise<R[]>;
  /** Several statements in one text, as its owner: the rows of each. */
  results(text: string): Promise<unknown[][]>;
  /** Resolves once the replica has what was written. */
  replayed(): Promise<void>;
  /** Another instance on the same database and NATS. */
  another(
    env?: NodeJS.ProcessEnv,
  ): Promise<{ url: string; realtime: RunningRealtime['realtime']; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

export const MATCHES = `
create table public.commentary (
  id bigint generated always as identity primary key,
  match_id int not null,
  minute int not null default 0,
  body text not null default ''
);
alter table public.commentary replica identity full;
grant select on public.commentary to anon, authenticated;
alter publication tidemark add table public.commentary;`;

/** All files copy one template: to migrate takes longer than the set-up of a test. */
export async function migratedDatabase(): Promise<TestDatabase> {
  const stack = await useTestStack();
  await stack.template('realtime', async (url) => void (await migrate(url)));
  return stack.database({ template: 'realtime' });
}

/** @param databaseSettings what `alter database … set` says of the service's database */
export async function startTestRealtime(
  setup: string = MATCHES,
  env: NodeJS.ProcessEnv = {},
  databaseSettings: Readonly<Record<string, string>> = {},
): Promise<TestRealtime> {
  const stack = await useTestStack();
  const database = await migratedDatabase();
  const prefix = stack.natsPrefix();
  const pool = new pg.Pool({ connectionString: database.primaryUrl, max: 16 });
  // Tests stop the server under idle connections; statements report their own errors.
  pool.on('error', () => {});
  await pool.query(setup);
  for (const [name, value] of Object.entries(databaseSettings)) {
    await pool.query(`alter database ${database.name} set ${name} = ${value}`);
  }
  const base: NodeJS.ProcessEnv = {
    PORT: '0',
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    DATABASE_URL: database.primaryUrl,
    DATABASE_REPLICA_URLS: database.replicaUrl,
    NATS_URL: stack.natsUrl,
    NATS_PREFIX: prefix,
    JWT_SECRET: SECRET,
    JWT_CLOCK_SKEW_S: '0',
    ...METRICS_ENV,
    RIGHTS_CHECK_MS: '300',
    RELAY_SLOT: `tidemark_${database.name}`,
    ...env,
  };
  const startInstance = async (more: NodeJS.ProcessEnv = {}) => {
    const running = await start({ ...base, ...more });
    await until(async () => (await running.realtime.health.problems()).length === 0, 'the service to be ready');
    return {
      url: running.url.replace('http', 'ws'),
      realtime: running.realtime,
      phases: running.phases,
      stop: async () => {
        const problems: string[] = [];
        await runPhases(running.phases, (problem) => problems.push(problem));
        if (problems.length > 0) throw new Error(problems.join('; '));
      },
    };
  };
  await replayed(pool, database.replicaUrl);
  const first = await startInstance();
  return {
    url: first.url,
    database,
    prefix,
    realtime: first.realtime,
    phases: first.phases,
    sql: async (text, params) => (await pool.query(text, params)).rows,
    async results(text) {
      const results = (await pool.query(text)) as unknown as pg.QueryResult[];
      return results.map(({ rows }) => rows);
    },
    replayed: () => replayed(pool, database.replicaUrl),
    another: startInstance,
    async stop() {
      await first.stop();
      await pool.end();
      await database.drop();
      const bus = await connectBus({ url: stack.natsUrl, name: 'clean-up', prefix });
      await deleteStreams(bus);
      await bus.close();
    },
  };
}

async function replayed(primary: pg.Pool, replicaUrl: string): Promise<void> {
  const [row] = (await primary.query(`select pg_current_wal_lsn()::text as lsn`)).rows;
  const replica = new pg.Client({ connectionString: replicaUrl });
  await replica.connect();
  try {
    await until(async () => {
      const { rows } = await replica.query('select pg_last_wal_replay_lsn() >= $1::pg_lsn as there', [row.lsn]);
      return rows[0].there;
    }, 'the replica');
  } finally {
    await replica.end();
  }
}

export function token(claims: Record<string, unknown>, expiresInS = 600): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresInS)
    .sign(new TextEncoder().encode(SECRET));
}

/** A token with the claims as they are written. */
export function signed(claims: string): Promise<string> {
  return new CompactSign(new TextEncoder().encode(claims))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
}
