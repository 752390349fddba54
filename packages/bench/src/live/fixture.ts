import { join } from 'node:path';
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import postgres from 'postgres';
import { pause, until } from '../measuring/waiting.ts';
import { type ProcessOptions, type ServerProcess, startServer } from '../processes/server.ts';
import { startService } from '../processes/services.ts';

/** All clients come from one address, which may use the whole instance. */
const ONE_ADDRESS = { IDENTITY_SHARE_PERCENT: '100', OPENS_PER_S: '0', SUBSCRIBES_PER_S: '0' };
const table = (name: string) => `
create table public.${name} (n bigint primary key, k int not null, at double precision not null, note text not null);
alter table public.${name} replica identity full;
grant select on public.${name} to authenticated;
alter publication tidemark add table public.${name};`;
const SETUP = `${table('ticks')} ${table('guarded')} ${table('owned')}
grant select on public.ticks to anon;
alter table public.guarded enable row level security;
create policy shown on public.guarded for select to authenticated using (k >= 0);
alter table public.owned enable row level security;
create policy own on public.owned for select to authenticated
  using (k = (select (current_setting('request.jwt.claims', true)::json ->> 'sub')::int));`;

export type Table = 'ticks' | 'guarded' | 'owned';

export interface LiveFixture {
  readonly relay: ServerProcess;
  instance(options?: ProcessOptions): Promise<ServerProcess>;
  baseline(name: 'fan-out-ws' | 'fan-out-socket-io'): Promise<ServerProcess>;
  /** Each change has its own transaction; `k` repeats 0 to `keys` - 1. */
  write(table: Table, count: number, keys: number): Promise<void>;
  writeAt(perSecond: number, table: Table, count: number, keys: number): Promise<void>;
  query(text: string): Promise<unknown>;
  newest(): Promise<ReadonlyMap<number, number>>;
  stop(): Promise<void>;
}

const BATCH = 10;

export async function openLiveFixture(): Promise<LiveFixture> {
  const stack = await startTemporaryStack({ replica: false });
  // All writes use one connection: opening one costs as much as a hundred changes.
  const sql = postgres(stack.primary.url, { max: 1, prepare: false, onnotice: () => {} });
  const started: ServerProcess[] = [];
  const keep = async (starting: Promise<ServerProcess>) => {
    const server = await starting;
    started.push(server);
    return server;
  };
  async function stop(): Promise<void> {
    await Promise.allSettled([...started.map((server) => server.stop()), sql.end({ timeout: 1 })]);
    await stack.stop();
  }
  const servers = { primaryUrl: stack.primary.url, natsUrl: stack.nats.url };
  const realtime = (name: string, { env, execArgv }: ProcessOptions = {}) =>
    keep(startService('realtime', servers, { env: { ...ONE_ADDRESS, ...env }, execArgv: execArgv ?? [] }, name));
  let n = 0;
  async function write(table: Table, count: number, keys: number): Promise<void> {
    const from = n;
    n += count;
    await sql.unsafe(`do $$ begin for i in ${from}..${from + count - 1} loop
      insert into public.${table} values (i, i % ${keys}, extract(epoch from clock_timestamp()) * 1000, 'a note of some length, ' || i);
      commit;
    end loop; end $$`);
  }
  try {
    await migrate(stack.primary.url);
    await stack.primary.query(SETUP);
    const relay = await realtime('relay');
    await until('the relay', async () => {
      return (await stack.primary.query(`select from pg_replication_slots where active`)).length > 0;
    });
    return {
      relay,
      stop,
      write,
      query: (text) => sql.unsafe(text),
      async newest() {
        const rows = await sql<{ k: number; n: number }[]>`select k, max(n)::int as n from ticks group by k`;
        return new Map(rows.map(({ k, n }) => [k, n]));
      },
      instance: (options = {}) => realtime('realtime', { ...options, env: { RELAY: 'false', ...options.env } }),
      baseline: (name) => keep(startServer(name, join(import.meta.dirname, '..', 'baselines', `${name}.js`))),
      async writeAt(perSecond, table, count, keys) {
        const startedAt = performance.now();
        for (let done = 0; done < count; done += BATCH) {
          const early = startedAt + (done / perSecond) * 1_000 - performance.now();
          if (early > 0) await pause(early);
          await write(table, BATCH, keys);
        }
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
