/** A prepared statement keeps the types of its parameters: after a change of the schema it must answer as one that is parsed anew. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { as, openTestDatabase } from '../open-test-database.ts';

interface Case {
  readonly before: string;
  readonly text: string;
  readonly params: readonly string[];
  readonly change: string;
  readonly paramsAfter?: readonly string[];
}

const again = (type: string, column: string, value: string): Case => {
  const create = (id: number) =>
    `create ${type}; create table x (id int, v ${column}); insert into x values (${id}, '${value}')`;
  const drop = `drop table x; drop ${type.startsWith('domain') ? 'domain' : 'type'} kind`;
  return {
    before: create(1),
    text: 'select id from x where v = $1::kind',
    params: [value],
    change: `${drop}; ${create(2)}`,
  };
};

const retyped = (from: string, value: string, to: string, valueAfter: string, using = `v::${to}`): Case => ({
  before: `create table x (id int, v ${from}); insert into x values (1, '${value}')`,
  text: 'select id from x where v = $1',
  params: [value],
  change: `alter table x alter v type ${to} using ${using}; insert into x values (2, '${valueAfter}')`,
  paramsAfter: [valueAfter],
});

/** Postgres refuses the stale statement. */
const REFUSED: Readonly<Record<string, Case>> = {
  'an enum that was made again': again(`type kind as enum ('sad', 'ok')`, 'kind', 'ok'),
  'a domain that was made again': again('domain kind as int', 'kind', '5'),
  'a composite that was made again': again('type kind as (a int, b text)', 'kind', '(1,a)'),
  'a range that was made again': again('type kind as range (subtype = int)', 'kind', '[1,2)'),
  'an array of enums that were made again': {
    ...again(`type kind as enum ('sad', 'ok')`, 'kind', 'ok'),
    text: 'select id from x where v = any($1)',
    params: ['{ok}'],
  },
  'int to text': retyped('int', '5', 'text', '5'),
  'int to text, and a value that is no int': retyped('int', '5', 'text', 'abc'),
  'int to bigint, and a value beyond int': retyped('int', '5', 'bigint', '5000000000'),
  'int to numeric, and a fraction': retyped('int', '5', 'numeric', '1.5'),
  'text to jsonb': retyped('text', '{"a":1}', 'jsonb', '{"a": 1}'),
  'a list of values': {
    ...retyped('int', '5', 'text', 'abc'),
    text: 'select id from x where v in ($1, $2)',
    params: ['1', '5'],
    paramsAfter: ['5', 'abc'],
  },
  'a common type': { ...retyped('int', '5', 'text', 'abc'), text: 'select coalesce(v, $1) as v from x' },
  'a function with another argument': {
    before: `create function f(a int) returns int language sql as 'select a'; create table x (id int)`,
    text: 'select f(a => $1) as id',
    params: ['5'],
    change: `drop function f(int); create function f(a bigint) returns int language sql as 'select 7'`,
    paramsAfter: ['5000000000'],
  },
  'a column that is written': {
    ...retyped('int', '5', 'bigint', '5000000000'),
    text: 'update x set v = $1 returning v',
  },
  'a domain whose constraint has gone': {
    before:
      'create domain kind as int check (value < 10); create table x (id int, v kind); insert into x values (1, 1)',
    text: 'update x set v = $1 returning v',
    params: ['5'],
    change: 'alter table x alter v type int',
    paramsAfter: ['50'],
  },
};

/** Postgres answers, with the meaning of the old type. */
const SILENT: Readonly<Record<string, Case>> = {
  'timestamp to timestamptz': retyped('timestamp', '2026-01-01', 'timestamptz', '2026-01-01 01:00+01'),
  'text to char': { ...retyped('text', 'a', 'char(3)', 'b'), paramsAfter: ['b '] },
  'numeric to real': retyped('numeric', '0.1', 'real', '0.1'),
};

t.test('a prepared statement answers like a new one after a change of the schema', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 4 } } });
  const { admin, write } = db.pools;
  const script = async (text: string) => {
    for (const statement of text.split('; ')) await admin.query(statement);
    await admin.query('grant all on all tables in schema public to authenticated');
  };
  const told = (rows: Promise<readonly unknown[]>) => rows.then((list) => JSON.stringify(list), String);
  for (const [name, { before, text, params, change, paramsAfter = params }] of Object.entries({
    ...REFUSED,
    ...SILENT,
  })) {
    await script(before);
    const statement = (values: readonly string[]) => ({ identity: as('a'), statement: { text, params: values } });
    const ways = {
      'as the pool itself': (values: readonly string[]) => write.query(text, values),
      'in a transaction': async (values: readonly string[]) =>
        (await db.write({ identity: as('a'), statements: [{ text, params: values }] })).results[0]!,
      // These reads are numerous enough to be pipelined.
      ...(text.startsWith('select') && {
        'as a read': async (values: readonly string[]) => (await db.read(statement(values))).rows,
      }),
    };
    for (const way of Object.values(ways)) for (let n = 0; n < 25; n += 1) await way(params);
    await script(change);
    if (name in SILENT) await db.schemaChanged();
    const anew = await told(write.query(`${text} -- anew`, paramsAfter));
    for (const [how, way] of Object.entries(ways)) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => told(way(paramsAfter))));
      t.same([...new Set(answers)], [anew], `${name}, ${how}`);
    }
    await script('drop table x; drop type if exists kind; drop function if exists f');
  }
});

t.test('a replica prepares statements anew once it has replayed the change', async (t) => {
  const { db } = await openTestDatabase(t, { pools: { read: { max: 4 } } });
  const { admin } = db.pools;
  await admin.query('create table x (id int, at timestamp)');
  await admin.query("insert into x values (1, '2026-01-01')");
  await admin.query('grant select on x to authenticated');
  const read = async (at: string, tidemark?: string) => {
    const statement = { text: 'select id from x where at = $1', params: [at] };
    const { rows, source } = await db.read({ identity: as('a'), statement, ...(tidemark && { tidemark }) });
    return `${source} ${rows.length}`;
  };
  await until(async () => (await read('2026-01-01').catch(String)) === 'replica 1', 'the replica has the table');
  for (let n = 0; n < 30; n += 1) await read('2026-01-01');
  await admin.query("alter table x alter at type timestamptz using at at time zone 'UTC'");
  await db.schemaChanged();
  await until(async () => (await read('2026-01-01 01:00+01')) === 'replica 1', 'the replica compares moments');
});

t.test('reports an invalid value as such', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 4 } } });
  const read = (id: string) =>
    db.read({ identity: as('a'), statement: { text: 'select * from notes where id = $1', params: [id] } });
  for (let n = 0; n < 30; n += 1) await read('1');
  const before = db.pools.write.stats().preparedBytes!;
  for (let n = 0; n < 50; n += 1) await t.rejects(read('abc'), { code: '22P02' });
  t.ok(db.pools.write.stats().preparedBytes! <= before * 1.5 + 65_536, 'what was prepared for it is closed');
});
