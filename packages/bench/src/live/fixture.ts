/** What live scenarios run on: one stack, one instance that is the relay alone, and others that only serve sockets. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@tidemark/db';
import { type Stack, startTemporaryStack } from '@tidemark/local-stack';
import { SignJWT } from 'jose';
import postgres from 'postgres';
import { until } from '../measuring/waiting.ts';
import { type ServerProcess, startServer } from '../processes/server.ts';

const SECRET = randomBytes(24).toString('hex');
/** All clients come from one address: it may use all of the instance. */
const ONE_ADDRESS = { IDENTITY_SHARE_PERCENT: '100', OPENS_PER_S: '0', SUBSCRIBES_PER_S: '0' };
const SETUP = `
create table public.ticks (n bigint primary key, k int not null, at double precision not null, note text not null);
create table public.guarded (n bigint primary key, k int not null, at double precision not null, note text not null);
alter table public.ticks replica identity full;
alter table public.guarded replica identity full;
alter table public.guarded enable row level security;
create policy shown on public.guarded for select to authenticated using (k >= 0);
grant select on public.ticks to anon, authenticated;
grant select on public.guarded to authenticated;
alter publication tidemark add table public.ticks, public.guarded;
create table public.owned (n bigint primary key, k int not null, at double precision not null, note text not null);
alter table public.owned replica identity full;
alter table public.owned enable row level security;
create policy own on public.owned for select to authenticated
  using (k = (select (current_setting('request.jwt.claims', true)::json ->> 'sub')::int));
grant select on public.owned to authenticated;
alter publication tidemark add table public.owned;`;

export type Table = 'ticks' | 'guarded' | 'owned';

export interface LiveFixture {
  readonly relay: ServerProcess;
  /** Serves sockets, and does not run the relay. */
  instance(env?: Readonly<Record<string, string>>, execArgv?: readonly string[]): Promise<ServerProcess>;
  baseline(name: 'fan-out-ws' | 'fan-out-socket-io'): Promise<ServerProcess>;
  /** One transaction for each change, one after another as fast as Postgres commits; `k` counts up to `keys` and again. */
  write(table: Table, count: number, keys: number): Promise<void>;
  /** The same at a steady rate. */
  writeAt(perSecond: number, table: Table, count: number, keys: number): Promise<void>;
  /** SQL of one's own on the primary, as its owner. */
  query(text: string): Promise<unknown>;
  /** Of `ticks`: the newest `n` of each key. */
  newest(): Promise<ReadonlyMap<number, number>>;
  /** For role `authenticated`. */
  token(sub: string): Promise<string>;
  stop(): Promise<void>;
}

/** At a steady rate, so many transactions go to Postgres in one piece. */
const PIECE = 10;

export async function openLiveFixture(): Promise<LiveFixture> {
  const stack: Stack = await startTemporaryStack({ replica: false });
  // One connection for all that is written: to open one costs as much as a hundred changes.
  const sql = postgres(stack.primary.url, { max: 1, prepare: false, onnotice: () => {} });
  const started: ServerProcess[] = [];
  const keep = async (server: Promise<ServerProcess>) => {
    started.push(await server);
    return server;
  };
  async function stop(): Promise<void> {
    await Promise.allSettled([...started.map((server) => server.stop()), sql.end({ timeout: 1 })]);
    await stack.stop();
  }
  const service = (name: string, env: Readonly<Record<string, string>>, execArgv?: readonly string[]) => {
    const place = { DATABASE_URL: stack.primary.url, NATS_URL: stack.nats.url };
    const given = { PORT: '0', LOG_LEVEL: 'error', ...place, JWT_SECRET: SECRET, ...ONE_ADDRESS, ...env };
    return keep(startServer(name, fileURLToPath(import.meta.resolve('@tidemark/realtime/main')), given, execArgv));
  };
  let n = 0;
  const insert = (table: Table, from: number, count: number, keys: number) =>
    sql.unsafe(`do $$ begin for i in ${from}..${from + count - 1} loop
      insert into public.${table} values (i, i % ${keys}, extract(epoch from clock_timestamp()) * 1000, 'a note of some length, ' || i);
      commit;
    end loop; end $$`);
  try {
    await migrate(stack.primary.url);
    await stack.primary.query(SETUP);
    const relay = await service('relay', {});
    await until('the relay', async () => {
      const rows = await stack.primary.query(`select from pg_replication_slots where active`);
      return rows.length > 0;
    });
    return {
      relay,
      stop,
      query: (text) => sql.unsafe(text),
      async newest() {
        const rows = await sql<{ k: number; n: number }[]>`select k, max(n)::int as n from ticks group by k`;
        return new Map(rows.map(({ k, n }) => [k, n]));
      },
      instance: (env = {}, execArgv = []) => service('realtime', { RELAY: 'false', ...env }, execArgv),
      baseline: (name) => keep(startServer(name, join(import.meta.dirname, '..', 'baselines', `${name}.js`), {})),
      async write(table, count, keys) {
        const from = n;
        n += count;
        await insert(table, from, count, keys);
      },
      async writeAt(perSecond, table, count, keys) {
        const startedAt = performance.now();
        for (let done = 0; done < count; done += PIECE) {
          const early = startedAt + (done / perSecond) * 1_000 - performance.now();
          if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
          const from = n;
          n += PIECE;
          await insert(table, from, PIECE, keys);
        }
      },
      token: (sub) =>
        new SignJWT({ role: 'authenticated', sub })
          .setProtectedHeader({ alg: 'HS256' })
          .sign(new TextEncoder().encode(SECRET)),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
