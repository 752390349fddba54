/** Faults of Postgres and its replica that metrics must name. */
import type { Stack } from '@tidemark/local-stack';
import postgres from 'postgres';
import { type Fault, SECOND } from './fault.ts';

function connect(stack: Stack, application: string): postgres.Sql {
  const connection = { application_name: application };
  return postgres(stack.primary.url, { max: 1, onnotice: () => {}, connection, idle_timeout: 0 });
}

export const databaseFaults: readonly Fault[] = [
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
    name: 'a cut link to the replica',
    rule: 'replica.disconnected',
    culprit: /the replica of the slot tidemark_replica is disconnected/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ link }) {
      link.cut();
      return async () => link.restore();
    },
  },
  {
    name: 'a link to the replica that loses everything',
    rule: 'replica.disconnected',
    culprit: /the replica tidemark_replica receives nothing/,
    withinMs: 10 * SECOND,
    bySql: 'no',
    async inject({ link }) {
      link.stall();
      return async () => link.restore();
    },
  },
];
