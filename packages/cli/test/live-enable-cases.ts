/** Tables, and what else publishes them: each combination was tried on Postgres 18. */

export const PARTITIONS = `create table t (id int primary key, a int) partition by range (id);
create table p1 partition of t for values from (0) to (10); create table p2 partition of t for values from (10) to (20);`;
export const PLAIN = 'create table t (id int primary key, a int, b int);';
const STORED = 'create table t (id int primary key, a int, v int generated always as (a + 1) stored);';
export const VIRTUAL = 'create table t (id int primary key, a int, v int generated always as (a + 1) virtual);';
const FOREIGN = 'create extension file_fdw; create server f foreign data wrapper file_fdw;';
const OWN_SECURITY = 'alter table t enable row level security;';

/** The set-up, the arguments, and for a refusal its reason and remedy. */
export const CASES: [name: string, setup: string, args: string, refusal?: RegExp, hint?: RegExp][] = [
  ['a plain table', PLAIN, 't'],
  ['a plain table by its key', PLAIN, 't --key-only'],
  ['no primary key', 'create table t (id int, a json);', 't'],
  ['no primary key, by its key', 'create table t (id int, a int);', 't --key-only', /no primary key/, /key-only/],
  ['a deferrable key', 'create table t (id int primary key deferrable, a int);', 't'],
  [
    'a deferrable key, by it',
    'create table t (id int primary key deferrable, a int);',
    't --key-only',
    /deferrable/,
    /key-only/,
  ],
  ['no identity before', `${PLAIN} alter table t replica identity nothing;`, 't --key-only'],
  [
    'an index as its identity',
    `create table t (id int not null unique, a int); alter table t replica identity using index t_id_key;`,
    't --key-only',
  ],
  [
    'a virtual generated column',
    VIRTUAL,
    't',
    /column v is a virtual generated/,
    /STORED.*Or enable it with --key-only/,
  ],
  ['a virtual generated column and policies', VIRTUAL + OWN_SECURITY, 't', /virtual/, /STORED\.$/],
  ['a virtual generated column, by its key', VIRTUAL, 't --key-only'],
  [
    'a virtual generated column in partitions',
    `create table t (id int primary key, a int, v int generated always as (a + 1) virtual) partition by range (id);
    create table p1 partition of t for values from (0) to (10);`,
    't',
    /virtual/,
    /STORED/,
  ],
  ['a stored generated column', STORED, 't'],
  [
    'a stored generated column in another publication',
    `${STORED} create publication other for table t;`,
    't',
    /other leaves out generated columns, such as v/,
    /alter publication "other" set \(publish_generated_columns = stored\);.*key-only/,
  ],
  ['the same, by its key', `${STORED} create publication other for table t;`, 't --key-only'],
  [
    'the same, of all tables',
    `${STORED} create publication other for all tables;`,
    't',
    /other leaves out/,
    /publish_generated_columns/,
  ],
  [
    'the same, of its schema',
    `${STORED} create publication other for tables in schema public;`,
    't',
    /other leaves out/,
    /publish_generated_columns/,
  ],
  ['the same, of inserts alone', `${STORED} create publication other for table t with (publish = 'insert');`, 't'],
  [
    'the same, with generated columns',
    `${STORED} create publication other for table t with (publish_generated_columns = stored);`,
    't',
  ],
  [
    'its own publication without generated columns',
    `${STORED} alter publication tidemark set (publish_generated_columns = none);`,
    't',
    /tidemark leaves out/,
    /alter publication "tidemark" set/,
  ],
  [
    'a generated key, and its own publication without',
    `create table t (id int, a int, v int generated always as (id + 1) stored primary key);
    alter publication tidemark set (publish_generated_columns = none);`,
    't --key-only',
    /tidemark leaves out/,
    /alter publication "tidemark" set/,
  ],
  [
    'a column list elsewhere',
    `${PLAIN} create publication other for table t (id, a);`,
    't',
    /other has a list of its columns/,
    /drop table "public"\."t".*Or enable/,
  ],
  ['a column list elsewhere, by its key', `${PLAIN} create publication other for table t (id, a);`, 't --key-only'],
  [
    'a column list of deletes elsewhere',
    `${PLAIN} create publication other for table t (id, a) with (publish = 'delete');`,
    't',
    /list of its columns/,
    /other/,
  ],
  [
    'a column list of inserts elsewhere',
    `${PLAIN} create publication other for table t (a) with (publish = 'insert');`,
    't',
  ],
  [
    'a column list of a partition elsewhere',
    `${PARTITIONS} create publication other for table p1 (id);`,
    't',
    /list of its columns/,
    /other/,
  ],
  [
    'a column list of its own',
    `${PLAIN} alter publication tidemark add table t (id, a);`,
    't',
    /tidemark has a list/,
    /alter publication "tidemark" drop table/,
  ],
  [
    'a row filter elsewhere',
    `${PLAIN} alter table t replica identity full; create publication other for table t where (a > 1);`,
    't',
  ],
  [
    'a row filter elsewhere that needs whole rows',
    `${PLAIN} alter table t replica identity full; create publication other for table t where (a > 1);`,
    't --key-only',
    /other filters rows/,
    /Leave out/,
  ],
  ['a row filter that refused writes before', `${PLAIN} create publication other for table t where (a > 1);`, 't'],
  [
    'a publication of inserts alone',
    `${PLAIN} alter publication tidemark set (publish = 'insert');`,
    't',
    /publishes only insert/,
    /alter publication "tidemark" set/,
  ],
  ['partitions', PARTITIONS, 't'],
  ['partitions by their key', PARTITIONS, 't --key-only'],
  [
    'partitions of different identities',
    `${PARTITIONS} alter table p1 replica identity nothing; alter table p2 replica identity full;`,
    't',
  ],
  ['partitions without a key', PARTITIONS.replace('primary key', 'not null'), 't', /made later/, /add primary key/],
  [
    'a partition of a live table',
    `${PARTITIONS} alter publication tidemark add table t;`,
    'p1',
    /partition of t, which is live/,
    /Follow t/,
  ],
  [
    'a partition that is not logged',
    `${PARTITIONS} create unlogged table p3 partition of t for values from (30) to (40);`,
    't',
    /p3 is not logged/,
    /detach partition p3/,
  ],
  [
    'a foreign partition',
    `${PARTITIONS.replace('primary key', 'not null')} ${FOREIGN} create foreign table p3 partition of t for values from (30) to (40) server f options (filename '/x');`,
    't',
    /p3 is a foreign table/,
    /detach/,
  ],
  [
    'inheritance',
    'create table t (id int primary key); create table c () inherits (t);',
    't',
    /inheritance/,
    /partitions/,
  ],
  ['a child', 'create table t (id int primary key); create table c () inherits (t);', 'c', /inheritance/, /partitions/],
  ['a table that is not logged', 'create unlogged table t (id int primary key);', 't', /not in the WAL/, /set logged/],
  ['a foreign table', `${FOREIGN} create foreign table t (id int) server f options (filename '/x');`, 't', /no table/],
  ['a view', 'create view t as select 1 as id;', 't', /no table/],
  ['Postgres’s own table', '', 'pg_catalog.pg_class', /Postgres’s own/],
  [
    'all tables, published by Tidemark',
    `${PLAIN} drop publication tidemark; create publication tidemark for all tables with (publish_generated_columns = stored);`,
    't',
  ],
  ['a schema, published by Tidemark', `${PLAIN} alter publication tidemark add tables in schema public;`, 't'],
];
