import { parseLsn, parseTidemark } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import type { Transaction } from '../../src/types.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const INSERT = "insert into notes (owner, body) values ('a', 'x') returning id";

/** Inserts a row; returns the insert position behind the row's record, which lies before that of the COMMIT. */
async function insertRow(tx: Transaction) {
  await tx.query(INSERT);
  const [row] = await tx.query('select pg_current_wal_insert_lsn()::text as lsn');
  return parseLsn(row!.lsn);
}

t.test('transaction() returns the value of the work and a tidemark past its COMMIT', async (t) => {
  const { db } = await openTestDatabase(t);
  const { value, tidemark } = await db.transaction(insertRow, { identity: as('a') });
  t.ok(parseTidemark(tidemark).lsn > value);
  const statement = { text: 'select count(*)::int as n from notes' };
  const { rows } = await db.read({ identity: as('a'), statement, tidemark });
  t.equal(rows[0]!.n, 1, 'a read at the tidemark sees the row, on a replica as well');
});

t.test('the tidemark lies past the COMMIT also where synchronous_commit is off', async (t) => {
  const { db, url } = await openTestDatabase(t, { replica: false });
  const [row] = await db.pools.admin.query('select current_database()::text as name');
  await db.pools.admin.query(`alter database "${row!.name}" set synchronous_commit = off`);
  const unsynced = await openDatabase({ primaryUrl: url, applicationName: 'unsynced' });
  t.teardown(() => unsynced.close(1_000));
  for (let round = 0; round < 20; round++) {
    const { value, tidemark } = await unsynced.transaction(insertRow);
    t.ok(parseTidemark(tidemark).lsn > value);
  }
});

t.test('transaction() with rollback returns the value and changes nothing', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const { value } = await db.transaction(async (tx) => (await tx.query(INSERT)).length, { rollback: true });
  t.equal(value, 1);
  t.equal((await db.pools.admin.query('select count(*)::int as n from notes'))[0]!.n, 0);
});

t.test('a deferred constraint that fails at COMMIT rejects transaction()', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  await db.pools.admin.query(
    'create table pairs (id int primary key, other int references pairs deferrable initially deferred)',
  );
  await t.rejects(
    db.transaction((tx) => tx.query('insert into pairs values (1, 2)')),
    { code: '23503' },
  );
});

t.test('snapshot() tells the position and what is visible, on the primary and on a replica', async (t) => {
  const { db } = await openTestDatabase(t);
  const { value: seen, tidemark } = await db.transaction((tx) => tx.snapshot());
  t.equal(seen.isStandby, false);
  t.match(seen.text, /^\d+:\d+:/);
  t.ok(seen.lsn > 0n);
  await until(async () => (await db.replicaAt(tidemark)) !== undefined, 'the replica is in use');
  const replica = await db.replicaAt(tidemark);
  const there = await replica!.transaction((tx) => tx.snapshot(), { readOnly: true });
  t.equal(there.isStandby, true);
  t.ok(there.lsn >= parseTidemark(tidemark).lsn);
});
