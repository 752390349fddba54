/** A gateway on a database of its own, listening on a free port; gone again when the test file ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, runScript } from '@tidemark/db';
import { runPhases } from '@tidemark/service';
import { METRICS_ENV, type TestDatabase, useTestStack } from '@tidemark/testing';
import { SignJWT } from 'jose';
import postgres from 'postgres';
import type { Test } from 'tap';
import { start } from '../src/start.ts';

export const SECRET = 'a secret of thirty-two characters';

export interface GatewayFixture {
  url: string;
  database: TestDatabase;
  /** The database as its owner, on the primary. */
  sql: postgres.Sql;
  replica: postgres.Sql;
  /** The folder of the file store. */
  filesDir: string;
  token(claims: Record<string, unknown>): Promise<string>;
  /** Calls `fetch` with a path of the gateway and a token with `claims`; without claims the request is anonymous. */
  request(path: string, init?: RequestInit & { claims?: Record<string, unknown> }): Promise<Response>;
  /** Another gateway on the same database, its settings those of the first but for `env`. Its address. */
  another(env?: Record<string, string>): Promise<string>;
}

export async function useGateway(
  t: Test,
  options: { script?: string; env?: Record<string, string> } = {},
): Promise<GatewayFixture> {
  const stack = await useTestStack();
  await stack.template('gateway', async (url) => {
    await migrate(url);
  });
  const database = await stack.database({ template: 'gateway' });
  if (options.script) await runScript(database.primaryUrl, options.script);
  const filesDir = await mkdtemp(join(tmpdir(), 'tidemark-gateway-'));
  const sql = postgres(database.primaryUrl, { max: 2, onnotice: () => {} });
  const replica = postgres(database.replicaUrl, { max: 1, onnotice: () => {} });
  const natsPrefix = stack.natsPrefix();
  const startOne = async (env: Record<string, string> = {}) => {
    const gateway = await start({
      PORT: '0',
      LOG_LEVEL: 'fatal',
      DATABASE_URL: database.primaryUrl,
      DATABASE_REPLICA_URLS: database.replicaUrl,
      NATS_URL: stack.natsUrl,
      NATS_PREFIX: natsPrefix,
      JWT_SECRET: SECRET,
      JWT_CLOCK_SKEW_S: '0',
      ...METRICS_ENV,
      TIDEMARK_FILES_DIR: filesDir,
      // The test shares the gateway's event loop, so its delay depends on the test and the machine. Tests of shedding set it.
      SHED_LOOP_MS: '0',
      // Tests fill small pools on purpose. The tests of shares of work set this limit.
      WORK_LIMITS: 'off',
      ...options.env,
      ...env,
    });
    t.teardown(async () => {
      const problems: string[] = [];
      await runPhases(gateway.phases, (problem) => problems.push(problem));
      // Assertions come too late in a teardown; what it throws fails the file.
      if (problems.length > 0) throw new Error(`the gateway did not stop cleanly: ${problems.join('; ')}`);
    });
    return gateway.url;
  };
  t.teardown(async () => {
    await Promise.all([sql.end({ timeout: 1 }), replica.end({ timeout: 1 })]);
    await database.drop();
    await rm(filesDir, { recursive: true, force: true });
  });
  const url = await startOne();
  const token = (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
  return {
    url,
    database,
    sql,
    replica,
    filesDir,
    token,
    another: startOne,
    async request(path, init = {}) {
      const { claims, ...rest } = init;
      const headers = new Headers(rest.headers);
      if (claims) headers.set('authorization', `Bearer ${await token(claims)}`);
      if (rest.body && !headers.has('content-type')) headers.set('content-type', 'application/json');
      return fetch(`${url}${path}`, { ...rest, headers });
    },
  };
}
