/** Tables that change while they are followed: each envelope is right for the table as it was when the row was written. */

import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import type { Envelope } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { startTestRealtime } from '../test-realtime.ts';

const SETUP = `
create table public.shifting (id int primary key, a int, b text);
alter table public.shifting replica identity full;
create table public.toasted (id int primary key, n int, big text);
alter table public.toasted alter big set storage external, replica identity full;
create table public.made (id int primary key, n int, twice int generated always as (n * 2) stored, thrice int generated always as (n * 3) virtual);
create table public.measured (at date not null, n int, primary key (at, n)) partition by range (at);
create table public.measured_2026 partition of public.measured for values from ('2026-01-01') to ('2027-01-01');
create table public.joining (id int primary key, n int);
alter publication tidemark add table public.shifting, public.toasted, public.made, public.measured;`;

t.test('tables that change', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const stack = await useTestStack();
  const bus = await connectBus({ url: stack.natsUrl, name: 'changing', prefix: service.prefix });
  t.teardown(() => bus.close());
  const envelopes: Envelope[] = [];
  clientOf(bus).nc.subscribe(bus.subjects.allChanges, {
    callback: (_error, message) => {
      if (!message.subject.includes('changes.@')) envelopes.push(message.json<Envelope>());
    },
  });
  await bus.flush();
  const changes = (table: string) =>
    envelopes.filter((envelope) => envelope.table === table).flatMap((envelope) => envelope.changes);
  /** Returns the envelopes of these statements on a table. Each runs separately, or as one transaction where it has several. */
  async function changesOf(table: string, count: number, ...statements: string[]) {
    const before = changes(table).length;
    for (const statement of statements) await service.sql(statement);
    await until(
      () => changes(table).length >= before + count,
      () => `${count} changes of ${table}; there are ${JSON.stringify(changes(table).slice(before))}`,
    );
    return changes(table)
      .slice(before)
      .map(({ index: _, ...change }) => change);
  }

  await t.test('follows columns that are added, renamed, retyped and dropped between rows', async (t) => {
    const got = await changesOf(
      'shifting',
      6,
      `insert into shifting values (1, 1, 'x')`,
      'alter table shifting add column c numeric default 2.50',
      'update shifting set a = 2',
      'alter table shifting rename column b to word',
      `update shifting set word = 'y'`,
      'alter table shifting alter column a type text using a::text',
      `update shifting set a = 'three'`,
      'alter table shifting drop column c',
      'update shifting set a = null',
      `begin; update shifting set a = 'in'; alter table shifting add column d jsonb default '[1]'; update shifting set a = 'out'; commit`,
    );
    t.same(got.slice(0, 5), [
      { type: 'insert', row: { id: 1, a: 1, b: 'x' } },
      { type: 'update', row: { id: 1, a: 2, b: 'x', c: 2.5 }, old: { id: 1, a: 1, b: 'x', c: 2.5 } },
      { type: 'update', row: { id: 1, a: 2, word: 'y', c: 2.5 }, old: { id: 1, a: 2, word: 'x', c: 2.5 } },
      { type: 'update', row: { id: 1, a: 'three', word: 'y', c: 2.5 }, old: { id: 1, a: '2', word: 'y', c: 2.5 } },
      { type: 'update', row: { id: 1, a: null, word: 'y' }, old: { id: 1, a: 'three', word: 'y' } },
    ]);
    const last = await changesOf('shifting', 0);
    t.same(last, []);
    await until(() => changes('shifting').length >= 7, 'both updates of the last transaction');
    const [inside, outside] = changes('shifting').slice(-2);
    t.same(
      [inside?.row, outside?.row],
      [
        { id: 1, a: 'in', word: 'y' },
        { id: 1, a: 'out', word: 'y', d: [1] },
      ],
    );
  });

  await t.test('takes an unchanged TOASTed value from the old row', async (t) => {
    const [, update] = await changesOf(
      'toasted',
      2,
      `insert into toasted values (1, 1, repeat('0123456789', 2000))`,
      'update toasted set n = 2',
    );
    t.equal(update?.row?.n, 2);
    t.equal(String(update?.row?.big).length, 20_000);
    t.equal(update?.unchanged, undefined);
  });

  await t.test('sends stored generated columns, and no virtual ones', async (t) => {
    t.same(await changesOf('made', 1, 'insert into made (id, n) values (1, 7)'), [
      { type: 'insert', row: { id: 1, n: 7, twice: 14 } },
    ]);
  });

  await t.test('sends partitions as their table, including later ones and moves between them', async (t) => {
    const got = await changesOf(
      'measured',
      4,
      `insert into measured values ('2026-11-21', 1)`,
      `create table measured_2027 partition of measured for values from ('2027-01-01') to ('2028-01-01')`,
      `insert into measured values ('2027-01-01', 2)`,
      `update measured set at = '2027-02-02' where n = 1`,
    );
    t.same(
      got.map(({ type, row, old }) => [type, row ?? old]),
      [
        ['insert', { at: '2026-11-21', n: 1 }],
        ['insert', { at: '2027-01-01', n: 2 }],
        ['delete', { at: '2026-11-21', n: 1 }],
        ['insert', { at: '2027-02-02', n: 1 }],
      ],
    );
    t.match(await changesOf('measured', 1, 'truncate measured'), [{ type: 'truncate' }]);
  });

  await t.test('follows tables that join and leave the publication', async (t) => {
    const got = await changesOf(
      'joining',
      1,
      'insert into joining values (1, 1)',
      'alter publication tidemark add table joining',
      'insert into joining values (2, 2)',
      'alter publication tidemark drop table joining',
      'insert into joining values (3, 3)',
    );
    await changesOf('made', 1, 'insert into made (id, n) values (2, 1)');
    t.same(got, [{ type: 'insert', row: { id: 2, n: 2 } }]);
    t.equal(changes('joining').length, 1, 'and nothing of it came later');
  });

  await t.test('moves the slot of an idle database while another one writes', async (t) => {
    const confirmed = async () => {
      const [row] = await service.sql<{ lag: string; at: string }>(
        `select confirmed_flush_lsn::text as at, pg_current_wal_lsn() - confirmed_flush_lsn as lag
         from pg_replication_slots where database = current_database()`,
      );
      return Number(row?.lag);
    };
    const elsewhere = new pg.Client(stack.primaryUrl);
    await elsewhere.connect();
    await elsewhere.query(
      `select pg_logical_emit_message(false, 'elsewhere', repeat('x', 1000000)) from generate_series(1, 8)`,
    );
    await elsewhere.end();
    await until(async () => (await confirmed()) < 1_000_000, 'the slot to follow');
    t.pass('it is within a megabyte');
  });
});
