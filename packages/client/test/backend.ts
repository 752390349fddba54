/** A gateway and a realtime service as processes on their own database, and a TCP proxy that tests cut. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBlueprint } from '@tidemark/blueprints';
import { migrate, runScript } from '@tidemark/db';
import { freePort, METRICS_ENV, useTestStack } from '@tidemark/testing';
import { SignJWT } from 'jose';
import postgres from 'postgres';

const SECRET = 'a secret of thirty-two characters';

const TABLES = `
create table public.commentary (
  id bigint generated always as identity primary key,
  match_id int not null,
  body text not null default ''
);
create table public.note (owner text not null default current_setting('request.jwt.claims', true)::json ->> 'sub', body text not null);
create table public.big (id bigint primary key, amount numeric not null default 0);
create table public.loose (longer_name int not null, a text not null, data jsonb not null default '{"zz": 1, "b": [1, 2]}');
alter table public.big replica identity full;
alter table public.loose replica identity full;
grant select, insert, update, delete on public.big, public.loose to authenticated;
alter table public.commentary replica identity full;
alter table public.note replica identity full;
alter table public.note enable row level security;
create policy own on public.note using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
grant select, insert, update, delete on public.commentary, public.note to authenticated;
grant select on public.commentary to anon;
alter publication tidemark add table public.commentary, public.note, public.big, public.loose;`;

export interface Backend {
  /** Address of the gateway, which proxies /live. */
  url: string;
  /** Address of the realtime service. */
  liveServiceUrl: string;
  token(sub: string, expiresInS?: number): Promise<string>;
  sql: postgres.Sql;
  /** Starts another realtime service, which announces its own address `ws://…/live`. */
  startLive(): Promise<{ url: string; liveUrl: string; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

/** @param tables the tables above, or the blueprint `matches` */
export async function startBackend(tables: 'own' | 'matches' = 'own'): Promise<Backend> {
  const stack = await useTestStack();
  const template = `client-${tables}`;
  await stack.template(template, async (url) => {
    await migrate(url);
    if (tables === 'own') await runScript(url, TABLES);
    else await loadBlueprint(url, tables, { demo: true });
  });
  const database = await stack.database({ template });
  const filesDir = await mkdtemp(join(tmpdir(), 'tidemark-client-'));
  const env = {
    PORT: '0',
    LOG_LEVEL: process.env.TEST_LOG ?? 'error',
    DATABASE_URL: database.primaryUrl,
    DATABASE_REPLICA_URLS: database.replicaUrl,
    NATS_URL: stack.natsUrl,
    NATS_PREFIX: stack.natsPrefix(),
    JWT_SECRET: SECRET,
    JWT_CLOCK_SKEW_S: '0',
    ...METRICS_ENV,
    TIDEMARK_FILES_DIR: filesDir,
    RELAY_SLOT: `tidemark_${database.name}`,
  };
  const realtime = await start('realtime', env);
  const gateway = await start('gateway', { ...env, REALTIME_URL: realtime.url });
  const sql = postgres(database.primaryUrl, { max: 4, onnotice: () => {} });
  return {
    url: gateway.url,
    liveServiceUrl: realtime.url,
    sql,
    token: (sub, expiresInS = 600) =>
      new SignJWT({ role: 'authenticated', sub })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresInS)
        .sign(new TextEncoder().encode(SECRET)),
    async startLive() {
      const port = await freePort();
      const liveUrl = `ws://127.0.0.1:${port}/live`;
      const { url, stop } = await start('realtime', {
        ...env,
        PORT: String(port),
        LIVE_URL: liveUrl,
        DRAIN_MS: '1000',
      });
      return { url, liveUrl, stop };
    },
    async stop() {
      await Promise.all([gateway.stop(), realtime.stop()]);
      await sql.end();
      await database.drop();
      await rm(filesDir, { recursive: true });
    },
  };
}

async function start(name: 'gateway' | 'realtime', env: Record<string, string>) {
  const path = fileURLToPath(import.meta.resolve(`@tidemark/${name}/main`));
  const child: ChildProcess = fork(path, [], {
    env: { PATH: process.env.PATH ?? '', ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [message] = (await once(child, 'message')) as [{ type: string; url: string; message?: string }];
  if (message.type !== 'ready') throw new Error(`${name} did not start: ${message.message}`);
  return {
    url: message.url,
    async stop() {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

export interface Wire {
  url: string;
  /** Number of open connections. */
  open(): number;
  /** Destroys all connections. */
  cut(): void;
  /** Stops forwarding bytes and keeps the connections open. */
  freeze(): void;
  stop(): Promise<void>;
}

/** Starts a TCP proxy in front of a server. */
export async function startWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<[Socket, Socket]>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const [one, other] of [pair, [far, near]] as const) {
      // The proxy cuts connections on purpose; `close` follows.
      one.on('error', () => {});
      one.on('close', () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => pairs.size,
    cut,
    freeze() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
