/** Compares `publishedSql`, which takes no lock, with pg_publication_tables. */
import { useTestStack } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { publishedSql } from '../../src/definitions/publication-sql.ts';

const SETUP = `
create schema app; create schema "All of it";
create table app.plain (id int primary key, n int, gone int, "Odd ""name" text, twice int generated always as (n * 2) stored);
alter table app.plain drop column gone;
create table app.unnamed (id int primary key);
create unlogged table app.unlogged (id int primary key);
create table app.log (at date not null, n int) partition by range (at);
create table app.log_1 partition of app.log for values from ('2026-01-01') to ('2026-06-01');
create table app.log_2 partition of app.log for values from ('2026-06-01') to ('2027-01-01') partition by range (at);
create table app.log_2a partition of app.log_2 for values from ('2026-06-01') to ('2027-01-01');
create table "All of it".one (id int primary key);
create table "All of it".log_3 partition of app.log for values from ('2027-01-01') to ('2028-01-01');
create view app.seen as select id from app.plain`;

const PUBLICATIONS = [
  'for table app.plain',
  'for table app.plain (id, n) where (id > 1)',
  'for table app.log',
  'for table app.log_2, app.log_1 (at)',
  'for table app.log_2a, app.log',
  'for tables in schema "All of it"',
  'for tables in schema "All of it", table app.log, app.plain where (n > 1)',
  'for tables in schema app, table app.plain',
  'for all tables',
];

const OURS = `select n.nspname as schema, c.relname as name, ${publishedSql('$1', 'c')} as published
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('app', 'All of it')`;
const POSTGRES = `select schemaname as schema, tablename as name, json_build_object('filtered', rowfilter is not null, 'columns', to_json(attnames)) as published
  from pg_publication_tables where pubname = $1 and schemaname in ('app', 'All of it')`;

t.test('tells what is published as pg_publication_tables does', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const client = new pg.Client(database.primaryUrl);
  await client.connect();
  t.teardown(async () => {
    await client.query('drop publication if exists odd; drop schema app cascade; drop schema "All of it" cascade');
    await client.end();
    await database.drop();
  });
  await client.query(SETUP);
  const { rows } = await client.query(`select current_setting('server_version_num')::int >= 180000 as generated`);
  const options = [
    '',
    'publish_via_partition_root = true',
    ...(rows[0].generated ? ['publish_generated_columns = stored'] : []),
  ];
  for (const what of PUBLICATIONS) {
    for (const option of options) {
      await client.query(`create publication odd ${what} ${option && `with (${option})`}`);
      const texts = async (sql: string) =>
        (await client.query(sql, ['odd'])).rows
          .filter(({ published }) => published)
          .map((row) => JSON.stringify(row))
          .sort();
      const expected = await texts(POSTGRES);
      t.same(await texts(OURS), expected, `${what} ${option}`);
      t.ok(expected.length > 0);
      await client.query('drop publication odd');
    }
  }
  t.same(
    (await client.query(OURS, ['none'])).rows.filter(({ published }) => published),
    [],
  );
});
