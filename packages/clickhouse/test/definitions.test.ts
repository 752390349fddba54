/** TRUNCATE, ALTER TABLE, a stream that has lost its tail, and a table that goes. */
import { connectBus } from '@tidemark/bus';
import { deleteStreams } from '@tidemark/bus/client';
import { until } from '@tidemark/testing';
import t from 'tap';
import { startBackend, untilEqual } from './backend.ts';

const TABLES = `
create table public.item (id int primary key, name text, gone int);
create table public.other (id int primary key);
insert into item select n, 'item ' || n, n from generate_series(1, 1000) n;
alter publication tidemark add table public.item, public.other;`;

t.test('the table follows what changes it as a whole', { timeout: 110_000 }, async (t) => {
  const started = await startBackend(t, TABLES);
  if (typeof started === 'string') return void t.pass('with ClickHouse', { skip: started });
  const backend = started;
  const { sql, clickhouse, stack } = backend;
  let sink = await backend.startSink('public.item,public.other');
  const equal = (columns: string, what: string) =>
    untilEqual(
      backend,
      `select concat_ws('|', ${columns.replace(/(\w+)/g, "coalesce($1::text, '-')")}) as row from item`,
      `select arrayStringConcat([${columns.replace(/(\w+)/g, "ifNull(toString($1), '-')")}], '|') as row from public.item`,
      what,
    );
  const snapshots = () => sink.lines.filter((line) => line.includes('"sink.copied","table":"public.item"')).length;
  await equal('id, name, gone', 'the snapshot');

  await t.test('a new column without a default is added in place', async (t) => {
    await sql.unsafe("alter table item add column extra text; update item set extra = 'e' where id % 2 = 0");
    await equal('id, name, gone, extra', 'the new column');
    t.equal(snapshots(), 1);
  });

  await t.test('a dropped column goes, in place', async (t) => {
    await sql.unsafe("alter table item drop column gone; insert into item (id, name) values (2000, 'late')");
    await equal('id, name, extra', 'without the column');
    await until(async () => {
      const columns = await clickhouse.query<{ name: string }>(
        "select name from system.columns where database = 'public' and table = 'item' format JSONEachRow",
      );
      return columns.map(({ name }) => name).join() === 'id,name,extra';
    }, 'the columns of the view');
    t.equal(snapshots(), 1);
  });

  await t.test(
    'a default, another type and another name bring a new snapshot, as they change rows without a change',
    async (t) => {
      await sql.unsafe(
        'alter table item add column score int not null default 7; update item set extra = extra where id = 1',
      );
      await equal('id, name, extra, score', 'the default of old rows');
      await sql.unsafe(
        "alter table item alter score type text using 's' || score; update item set extra = extra where id = 1",
      );
      await equal('id, name, extra, score', 'the new type');
      await sql.unsafe('alter table item rename name to title; update item set extra = extra where id = 1');
      await equal('id, title, extra, score', 'the new name');
      // The line of the sink may come after the rows.
      await until(() => snapshots() === 4, 'three more snapshots');
      t.equal(snapshots(), 4);
      const left = await clickhouse.query<{ name: string }>(
        "select name from system.tables where database = 'tidemark' and name like 'public.item.%' format JSONEachRow",
      );
      t.equal(left.length, 1, 'the old generations are dropped');
    },
  );

  await t.test('TRUNCATE empties it, and what follows in the transaction stays', async () => {
    await sql.begin((tx) =>
      tx.unsafe(
        "insert into item (id, title) values (3000, 'before'); truncate item; insert into item (id, title) values (1, 'after')",
      ),
    );
    await equal('id, title, extra, score', 'after TRUNCATE');
  });

  await t.test('a stream that has lost what the sink has not seen brings a new snapshot', async (t) => {
    await sink.kill('SIGINT');
    await sql.unsafe(
      "insert into item (id, title) select n, 'unseen' from generate_series(10, 500) n; delete from item where id = 1",
    );
    const bus = await connectBus({ url: stack.nats.url, name: 'test' });
    await deleteStreams(bus);
    await bus.close();
    await sql.unsafe("insert into item (id, title) values (600, 'seen')");
    sink = await backend.startSink('public.item,public.other');
    await equal('id, title, extra, score', 'the new snapshot');
    await until(() => snapshots() >= 1, 'a snapshot');
    t.pass('the table was copied');
  });

  await t.test('a table that is no longer published stops alone, and is copied when it is back', async () => {
    await sql.unsafe(
      'alter publication tidemark drop table item; delete from item where id < 100; insert into other values (1)',
    );
    await untilEqual(
      backend,
      'select id::text as row from other',
      'select toString(id) as row from public.other',
      'the other table',
    );
    await sql.unsafe("alter publication tidemark add table item; insert into item (id, title) values (700, 'back')");
    await equal('id, title, extra, score', 'the table that is back');
  });
});

t.test('refuses a table that it cannot keep equal', { timeout: 60_000 }, async (t) => {
  const backend = await startBackend(
    t,
    'create table keyless (id int); create table unpublished (id int primary key); alter publication tidemark add table keyless',
  );
  if (typeof backend === 'string') return void t.pass('with ClickHouse', { skip: backend });
  await t.rejects(backend.startSink('public.keyless'), { message: /CLICKHOUSE_NO_KEY|has no primary key/ });
  await t.rejects(backend.startSink('public.unpublished'), { message: /not in the publication tidemark/ });
  await t.rejects(backend.startSink('public.nosuch'), { message: /there is no table public.nosuch/ });
  await t.rejects(backend.startSink('nosuch'), { message: /is not the name of a table/ });
});
