/** Tests that changed definitions are published before the envelopes that depend on them, or at the next check. */
import { until } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { ddlScript, NEVER, OFTEN, startRelay } from './definition-stream.ts';

t.test('definitions without an event trigger or periodic checks', async (t) => {
  const relay = await startRelay(t, NEVER);
  const { told } = relay;

  await t.test('announces changes that come with the next row before all rows of the transaction', async (t) => {
    const cases: [statements: string[], expected: string[]][] = [
      [
        ['alter table item add c int default 7', 'insert into item (id) values (1)'],
        ['@item', 'item: insert'],
      ],
      [
        ['alter table item alter n type int using n * 10', 'update item set n = 1'],
        ['@item', 'item: update'],
      ],
      [
        ['alter table item alter c type numeric(9, 1)', 'update item set n = 2'],
        ['@item', 'item: update'],
      ],
      [
        ['create policy own on item using (n > 0)', 'update item set n = 3'],
        ['@item', 'item: update'],
      ],
      [
        ['alter table item enable row level security', 'update item set n = 4'],
        ['@item', 'item: update'],
      ],
      [
        ['alter table item force row level security', 'update item set n = 5'],
        ['@item', 'item: update'],
      ],
      [
        ['grant select on item to anon', 'update item set n = 6'],
        ['@item', 'item: update'],
      ],
      [
        ['begin; update item set n = 7; alter policy own on item using (n > 1); update item set n = 8; commit'],
        ['@item', 'item: update', 'item: update'],
      ],
      [
        [
          `begin; drop table other; create table other (id int primary key, n int);
           alter publication tidemark add table other; insert into other values (1, 1); commit`,
        ],
        ['@other', 'other: insert'],
      ],
      [
        [
          `begin; alter table item rename to spare; alter table other rename to item; insert into item values (2, 2); commit`,
        ],
        ['@item', 'item: insert'],
      ],
      [
        [
          `begin; alter table item rename to other; alter table spare rename to item;
           insert into item (id) values (4); insert into other values (4); commit`,
        ],
        ['@item', '@other', 'item: insert', 'other: insert'],
      ],
      [
        [
          `begin; alter table item add d int; alter table other add d int;
           insert into item (id) values (5); insert into other (id) values (5); commit`,
        ],
        ['@item', '@other', 'item: insert', 'other: insert'],
      ],
      [
        [
          `begin; alter publication tidemark drop table item; delete from item where id = 4;
           alter publication tidemark add table item; update item set n = 9 where id = 5; commit`,
        ],
        ['@item', 'item: update'],
      ],
      [['truncate log'], ['@log', 'log: truncate']],
    ];
    for (const [statements, expected] of cases) {
      t.same(await told(expected.length, ...statements), expected, statements.join('; '));
    }
  });

  await t.test('writes published versions to the table', async () => {
    for (const table of ['item', 'other', 'log']) await relay.written(table);
  });

  await t.test('announces nothing where no definition changes', async (t) => {
    const statements = ['analyze item', 'create index on item (n)', 'vacuum full item', 'truncate item'];
    const expected = ['item: truncate', 'item: insert', 'item: insert'];
    const rows = ['insert into item (id) values (1)', 'insert into item (id) values (2)'];
    t.same(await told(expected.length, ...statements, ...rows), expected);
  });

  await t.test('announces first what changed while there was no relay', async (t) => {
    await relay.service.sql('alter publication tidemark set (publish_via_partition_root = true)');
    const from = relay.lines().length;
    await relay.killWalsender();
    await until(() => relay.lines().length >= from + 6, 'six tables');
    t.same(relay.lines().slice(from).sort(), ['@alerts', '@item', '@jobs', '@log', '@other', '@progress']);
    await relay.written('item');
  });

  await t.test('publishes again what a session published but did not write', async (t) => {
    const holder = new pg.Client(relay.service.database.primaryUrl);
    await holder.connect();
    await holder.query('begin; lock table tidemark.table_definitions in exclusive mode');
    await told(2, 'alter table item add f int', 'insert into item (id) values (6)');
    const version = relay.published('item')?.version;
    await relay.killWalsender();
    t.same(await told(1), ['@item']);
    t.equal(relay.published('item')?.version, version);
    await holder.query('commit');
    await holder.end();
    await relay.written('item');
    await relay.killWalsender();
    t.same(await told(1, 'insert into item (id) values (7)'), ['item: insert'], 'what is written is not');
  });
});

t.test('announces in a periodic check what no row shows', async (t) => {
  const relay = await startRelay(t, OFTEN);
  const cases: [statement: string, ...expected: string[]][] = [
    [`create table log_0 partition of log for values from ('2025-01-01') to ('2026-01-01')`, '@log'],
    ['alter table log detach partition log_0', '@log'],
    [
      `begin; alter table log detach partition log_2; delete from log_2;
       alter table log attach partition log_2 for values from ('2026-06-01') to ('2027-01-01'); commit`,
      '@log',
    ],
    ['truncate log_1', '@log'],
    ['drop table log_1', '@log'],
    [`alter type mood rename value 'cross' to 'angry'`, '@item'],
    ['alter type place rename attribute x to east', '@item'],
    ['begin; drop table other; create table other (id int primary key, n int); commit', '@other gone'],
    ['alter publication tidemark add table other', '@other'],
    [
      'begin; alter table item rename to spare; alter table other rename to item; commit',
      '@item',
      '@other gone',
      '@spare',
    ],
    ['alter table spare owner to service_role', '@spare'],
  ];
  for (const [statement, ...expected] of cases) {
    t.same((await relay.told(expected.length, statement)).sort(), expected, statement);
  }
  const all = ['@alerts', '@item', '@jobs', '@log', '@progress', '@spare'];
  t.same((await relay.told(6, `alter publication tidemark set (publish = 'insert, update')`)).sort(), all);
  t.same(
    (await relay.told(6, `alter publication tidemark set (publish = 'insert, update, delete, truncate')`)).sort(),
    all,
  );
  for (const table of ['item', 'log', 'spare']) await relay.written(table);

  await t.test('keeps a version of the roles', async () => {
    const before = relay.published('@roles')?.version;
    await relay.service.sql('create role definitions_group; grant definitions_group to anon');
    t.teardown(() => relay.service.sql('drop role definitions_group'));
    await until(() => (relay.published('@roles')?.version ?? before) !== before, 'another version of the roles');
    await relay.written('@roles');
  });
});

t.test('announces every change at its place with the event trigger', async (t) => {
  const relay = await startRelay(t, { ...NEVER, RELAY_TRANSACTION_BYTES: '100000' });
  const { service, told } = relay;
  await service.sql(await ddlScript());
  await service.sql(await ddlScript());
  const cases: [statement: string, ...expected: string[]][] = [
    ['truncate log_1; alter table log add c int', '@log'],
    [
      `begin; insert into item (id) values (1); alter table log detach partition log_2; delete from log_2; insert into item (id) values (2);
       alter table log attach partition log_2 for values from ('2026-06-01') to ('2027-01-01'); commit`,
      '@log',
      'item: insert insert',
    ],
    [
      `begin; insert into item values (3, 3, 'cross'); alter type mood rename value 'cross' to 'angry'; commit`,
      '@item',
      'item: insert',
    ],
    ['drop table log_1', '@log'],
    ['alter publication tidemark drop table other', '@other gone'],
    ['drop policy if exists none on item; create policy own on item using (n > 0)', '@item'],
  ];
  for (const [statement, ...expected] of cases) t.same(await told(expected.length, statement), expected, statement);

  await t.test('renders values of altered types as to_jsonb does', async (t) => {
    const rowOf = async (id: number) => {
      const find = () =>
        relay
          .changes('item')
          .filter(({ row }) => row?.id === id)
          .at(-1)?.row;
      await until(() => find() !== undefined, `the row ${id}`);
      const [found] = await service.sql<{ row: unknown }>('select to_jsonb(item) as row from item where id = $1', [id]);
      t.same(find(), found?.row);
    };
    const cases = [
      ['', "(10, 1, 'calm', '(1,2)')"],
      [`alter type place add attribute z text; alter type mood add value 'glad'`, "(11, 2, 'glad', '(1,2,three)')"],
      ['alter type place rename attribute x to east', "(12, 3, 'glad', '(1,2,three)')"],
      ['alter type place drop attribute y', "(13, 4, 'glad', '(1,three)')"],
    ];
    for (const [n, [alter, values]] of cases.entries()) {
      await service.sql(`${alter}`);
      await service.sql(`insert into item (id, n, mood, place) values ${values}`);
      await rowOf(10 + n);
    }
  });

  await t.test(
    'publishes the early envelopes of a large transaction after the definitions that it changes at its end',
    async (t) => {
      const lines = await told(
        6,
        `begin; insert into item (id) select n from generate_series(100, 2500) n; create policy late on item using (n > 5);
       insert into item (id) values (0); commit`,
      );
      t.equal(lines[0], '@item');
      t.ok(lines.slice(1).every((line) => line.startsWith('item: insert')));
      t.equal(relay.changes('item').filter(({ row }) => Number(row?.id) >= 100 || row?.id === 0).length, 2_402);
    },
  );

  await t.test('lets roles without other rights change their own objects', async () => {
    await service.sql('create schema theirs authorization authenticated');
    const client = new pg.Client(service.database.primaryUrl);
    await client.connect();
    await client.query('set role authenticated');
    await client.query('create table theirs.thing (id int); alter table theirs.thing add n int');
    await client.query('drop table theirs.thing; create temporary table mine (id int); drop table mine');
    await client.end();
  });

  await t.test('does not fail a change whose announcement fails', async (t) => {
    await service.sql(`create or replace function tidemark_ddl.announce() returns event_trigger language plpgsql as $$
      begin perform 1 / 0; exception when others then null; end $$`);
    await service.sql('alter table item add g int');
    await service.sql('drop event trigger tidemark_ddl, tidemark_drop; drop schema tidemark_ddl cascade');
    t.same(
      await told(2, 'update item set n = 4 where id = 3'),
      ['@item', 'item: update'],
      'and without it, the row tells',
    );
  });
});
