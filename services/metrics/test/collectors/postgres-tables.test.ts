import { migrate, openDatabase, type Pool } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import { useDebianPostgres } from '@tidemark/testing/debian-postgres';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { INDEX_FIGURES, readIndexes } from '../../src/collectors/postgres-indexes.ts';
import { IO_FIGURES } from '../../src/collectors/postgres-io.ts';
import { readTables, TABLE_FIGURES, VACUUM_FIGURES } from '../../src/collectors/postgres-tables.ts';
import type { VersionFigure } from '../../src/collectors/version-figures.ts';

const VIEWS: Record<string, readonly VersionFigure[]> = {
  pg_stat_all_tables: TABLE_FIGURES,
  pg_stat_progress_vacuum: VACUUM_FIGURES,
  pg_stat_all_indexes: INDEX_FIGURES,
  pg_stat_io: IO_FIGURES,
};
const SETTINGS = { lock_timeout: '100ms' };

async function open(t: Test, primaryUrl: string): Promise<Pool> {
  const db = await openDatabase({ primaryUrl, applicationName: 'tables', settings: SETTINGS });
  t.teardown(() => db.close());
  const { admin } = db.pools;
  await admin.query('create table public."Odd name" (id int primary key, label text)');
  await admin.query(`insert into public."Odd name" select i, repeat('x', 100) from generate_series(1, 1000) i`);
  await admin.query('create index odd_label on public."Odd name" (label) where id > 10');
  await admin.query('analyze public."Odd name"');
  return admin;
}

/** Compares the table of versions with the columns that this server has, and the figures with what Postgres says. */
async function checkVersion(t: Test, pool: Pool, major: number) {
  const columns = await pool.query<{ view: string; column: string }>(
    'select attrelid::regclass::text as view, attname as column from pg_attribute where attrelid = any ($1::text[]::regclass[])',
    [Object.keys(VIEWS).filter((view) => major >= 16 || view !== 'pg_stat_io')],
  );
  // Sessions hand on their figures within a second.
  const tables = await until(async () => {
    const all = await readTables(pool, {});
    return all.tables.some(({ table, inserts }) => table === 'Odd name' && inserts === 1_000) ? all : undefined;
  }, 'the inserts are counted');
  const indexes = await readIndexes(pool, {});
  const missing = { ...tables.missing, ...indexes.missing };
  for (const [view, figures] of Object.entries(VIEWS)) {
    for (const { name, column, since = 0 } of figures) {
      const exists = columns.some((one) => one.view === view && one.column === column);
      t.equal(exists, major >= since, `${view}.${column} in ${major}`);
      t.equal(missing[name], exists ? undefined : `needs Postgres ${since}; this is ${major}`);
    }
  }
  const table = tables.tables.find((one) => one.table === 'Odd name');
  t.match(table, { schema: 'public', kind: 'table', rows: 1_000, why: null, vacuum: null, inserts: 1_000 });
  for (const { name, since = 0 } of VIEWS.pg_stat_all_tables ?? [])
    t.equal(name in (table ?? {}), major >= since, name);
  const [sizes] = await pool.query(
    `select pg_total_relation_size('"Odd name"')::float8 as total, pg_relation_size('odd_label')::float8 as index`,
  );
  t.equal(table?.bytes?.total, sizes?.total);
  const index = indexes.indexes.find((one) => one.index === 'odd_label');
  t.match(index, { required: false, valid: true, unique: false, method: 'btree', bytes: sizes?.index, why: null });
  t.match(index?.definition, /WHERE \(id > 10\)$/);
  t.match(
    indexes.indexes.find((one) => one.index === 'Odd name_pkey'),
    { primary: true, required: true },
  );
  t.equal(tables.io === null, major < 16);
}

t.test('has the figures of Postgres 18, and no sizes of tables that are locked', async (t) => {
  const stack = await useTestStack();
  await stack.template('metrics', async (url) => void (await migrate(url)));
  const { primaryUrl, drop } = await stack.database({ template: 'metrics' });
  const pool = await open(t, primaryUrl);
  await checkVersion(t, pool, 18);
  t.ok((await readTables(pool, {})).io?.some(({ process, hits }) => process === 'client backend' && (hits ?? 0) > 0));

  const session = postgres(primaryUrl, { max: 1, onnotice: () => {} });
  t.teardown(async () => {
    await session.end({ timeout: 1 });
    await drop();
  });
  const other = async () => (await readTables(pool, {})).tables.filter(({ bytes }) => bytes === null);
  const lockedIndexes = async () => (await readIndexes(pool, {})).indexes.filter(({ bytes }) => bytes === null);
  await session`begin`.simple();
  await session`lock table public."Odd name"`.simple();
  t.match(await other(), [{ table: 'Odd name', rows: 1_000, inserts: 1_000, why: /ACCESS EXCLUSIVE/ }]);
  t.same(await lockedIndexes(), [], 'the lock of a table is no lock of its indexes');
  const partial = (await readIndexes(pool, {})).indexes.find(({ index }) => index === 'odd_label');
  t.match(partial, { definition: null, bytes: Number, why: /ACCESS EXCLUSIVE/ }, 'reading its predicate would wait');
  await session`rollback`.simple();
  t.same(await other(), []);

  await session`begin`.simple();
  await session`reindex index odd_label`.simple();
  t.match(await other(), [{ table: 'Odd name' }], 'its size includes that index');
  t.match(await lockedIndexes(), [{ index: 'odd_label', why: /ACCESS EXCLUSIVE/ }]);
  await session`rollback`.simple();
});

t.test('has the figures of Postgres 15, and says which version has the others', async (t) => {
  const primaryUrl = await useDebianPostgres(t);
  await migrate(primaryUrl);
  await checkVersion(t, await open(t, primaryUrl), 15);
});
