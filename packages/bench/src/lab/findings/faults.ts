/** The faults that metrics must name. Each is injected under load, and ended by the SQL of its finding or by whoever made it. */
import { connectBus } from '@tidemark/bus';
import { openDatabase } from '@tidemark/db';
import type { Stack } from '@tidemark/local-stack';
import { createHealth, startTelemetry } from '@tidemark/service';
import postgres from 'postgres';
import { repeat } from '../../measuring/loops.ts';
import { pause } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';

export interface Scene {
  readonly stack: Stack;
  readonly gatewayUrl: string;
  readonly token: string;
  readonly natsPrefix: string;
  /** The realtime instance that runs now. */
  realtime(): ServerProcess;
  startRealtime(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly rule: string;
  readonly culprit: RegExp;
  readonly withinMs: number;
  /** Returns what ends it where no SQL does, or cleans up after the SQL. */
  inject(scene: Scene): Promise<() => Promise<unknown>>;
  /** The SQL of the finding does not end it: there is none, or its callers begin again. */
  readonly bySql: 'primary' | 'replica' | 'no';
}

export const SETUP = `
create table public.orders (id bigint primary key generated always as identity, customer int, note text);
insert into public.orders (customer, note) select n % 5000, repeat('x', 100) from generate_series(1, 50000) n;
create index orders_customer on public.orders (customer);
grant select, insert on public.orders to anon, authenticated;
create function public.slow_report() returns int language plpgsql as $$ begin perform pg_sleep(3); return 1; end $$;
create function public.ratio(a int, b int) returns int language sql as 'select a / b';
grant execute on function public.slow_report(), public.ratio(int, int) to anon, authenticated;
analyze public.orders;
set enable_seqscan = off;
select count(*) from public.orders where customer = 7;
reset enable_seqscan;`;

const SECOND = 1_000;

function connect(stack: Stack, application: string): postgres.Sql {
  const connection = { application_name: application };
  return postgres(stack.primary.url, { max: 1, onnotice: () => {}, connection, idle_timeout: 0 });
}
const call = (scene: Scene, name: string, body: object) =>
  fetch(`${scene.gatewayUrl}/rest/v1/rpc/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).then(
    async (answer) => void (await answer.arrayBuffer()),
    () => undefined,
  );

export const FAULTS: readonly Fault[] = [
  {
    name: 'a lock by an idle transaction',
    rule: 'lock.blocker',
    culprit: /^idle-tool \(pid \d+.*ACCESS EXCLUSIVE on (public\.)?orders/,
    withinMs: 10 * SECOND,
    bySql: 'primary',
    async inject({ stack }) {
      const sql = connect(stack, 'idle-tool');
      await sql.unsafe('begin; lock table public.orders');
      return () => sql.end({ timeout: 1 });
    },
  },
  {
    name: '40 callers of pg_sleep(3)',
    rule: 'pool.long_statements',
    culprit: /slow_report.*POST \/rest\/v1\/rpc/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject(scene) {
      const callers = Array.from({ length: 40 }, () => repeat(() => call(scene, 'slow_report', {})));
      return () => Promise.all(callers.map((caller) => caller.stop()));
    },
  },
  {
    name: 'a function that fails with 22012',
    rule: 'route.sqlstate',
    culprit: /rpc.*ratio.*SQLSTATE 22/,
    // Traffic is told in windows of 10 s.
    withinMs: 15 * SECOND,
    bySql: 'no',
    async inject(scene) {
      const caller = repeat(async () => {
        await call(scene, 'ratio', { a: 1, b: 0 });
        await pause(100);
      });
      return () => caller.stop();
    },
  },
  {
    name: 'a dropped index',
    rule: 'index.dropped',
    culprit: /the index orders_customer of public\.orders was dropped/,
    withinMs: 20 * SECOND,
    bySql: 'primary',
    async inject({ stack }) {
      await stack.primary.query('drop index public.orders_customer');
      return async () => undefined;
    },
  },
  {
    name: 'a slot that nobody reads',
    rule: 'slot.unread',
    culprit: /nobody reads the replication slot forgotten/,
    withinMs: 10 * SECOND,
    bySql: 'primary',
    async inject({ stack }) {
      await stack.primary.query("select pg_create_logical_replication_slot('forgotten', 'pgoutput')");
      return async () => undefined;
    },
  },
  {
    name: 'a Cartesian query of psql',
    rule: 'statement.long',
    culprit: /^psql \(pid \d+.*generate_series/,
    withinMs: 10 * SECOND,
    bySql: 'primary',
    async inject({ stack }) {
      const sql = connect(stack, 'psql');
      const query = sql.unsafe('select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b');
      const ended = query.catch(() => undefined);
      return async () => {
        await ended;
        await sql.end({ timeout: 1 });
      };
    },
  },
  {
    name: '170 connections of one application',
    rule: 'postgres.connections',
    culprit: /^reporting-tool has 1[67]\d of the \d+ connections/,
    withinMs: 10 * SECOND,
    bySql: 'primary',
    async inject({ stack }) {
      const all = Array.from({ length: 170 }, () => connect(stack, 'reporting-tool'));
      for (const sql of all) await sql`select 1`;
      return () => Promise.all(all.map((sql) => sql.end({ timeout: 1 }).catch(() => undefined)));
    },
  },
  {
    name: 'a connection that is never released',
    rule: 'pool.leaks',
    culprit: /GET \/leaky took at .*faults\.[tj]s:\d+ .* ago/,
    withinMs: 10 * SECOND,
    bySql: 'primary',
    async inject({ stack, natsPrefix }) {
      const pools = { write: { leakThresholdMs: 5_000 } };
      const db = await openDatabase({
        primaryUrl: stack.primary.url,
        applicationName: 'tidemark/gateway-leaky',
        pools,
      });
      const bus = await connectBus({ url: stack.nats.url, name: 'gateway-leaky', prefix: natsPrefix });
      const telemetry = startTelemetry({
        bus,
        service: 'gateway',
        instance: 'gateway-leaky',
        url: 'http://127.0.0.1:9',
        health: createHealth(),
        sections: () => ({ pools: db.poolStats() }),
        observe: () => undefined,
      });
      const holder = { route: 'GET /leaky' };
      const held = db.pools.write.transaction(() => new Promise<never>(() => undefined), { holder });
      held.catch(() => undefined);
      return async () => {
        telemetry.stop();
        await db.close(100);
        await bus.close();
      };
    },
  },
  {
    name: 'a paused replay',
    rule: 'replica.paused',
    culprit: /the replay of the replica tidemark_replica is paused/,
    withinMs: 10 * SECOND,
    bySql: 'replica',
    async inject({ stack }) {
      await stack.replicas[0]?.pauseReplay();
      return async () => undefined;
    },
  },
  {
    name: 'NATS stopped',
    rule: 'nats.down',
    culprit: /NATS does not answer/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ stack }) {
      await stack.nats.stop('immediate');
      return () => stack.nats.start();
    },
  },
  {
    name: 'realtime stopped',
    rule: 'service.absent',
    culprit: /no realtime reports itself/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ realtime, startRealtime }) {
      await realtime().stop();
      return startRealtime;
    },
  },
  {
    name: 'realtime killed',
    rule: 'instance.lost',
    culprit: /realtime.* has been silent for/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ realtime, startRealtime }) {
      await realtime().kill();
      return startRealtime;
    },
  },
];
