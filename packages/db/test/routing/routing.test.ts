import { formatTidemark, parseTidemark } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { as, openOwnDatabase, openTestDatabase } from '../open-test-database.ts';

const insert = (owner: string, body = 'x') => ({
  text: 'insert into notes (owner, body) values ($1, $2) returning id',
  params: [owner, body],
});
const byId = (id: unknown) => ({ text: 'select id, owner from notes where id = $1', params: [id as string] });

t.test('a replica answers a read with the tidemark of a write, including the write', async (t) => {
  const { db } = await openTestDatabase(t);
  let fromReplica = 0;
  for (let i = 0; i < 50; i++) {
    const { results, tidemark } = await db.write({ identity: as('a'), statements: [insert('a')] });
    const answer = await db.read({ identity: as('a'), statement: byId(results[0]![0]!.id), tidemark });
    t.equal(answer.rows.length, 1);
    t.ok(answer.tidemark >= tidemark);
    if (answer.source === 'replica') fromReplica++;
  }
  t.ok(fromReplica > 25, `${fromReplica} of 50 from the replica`);
  t.equal((await db.read({ identity: as('b'), statement: byId(1) })).rows.length, 0, 'policies hold on the replica');
  t.match(db.replicaStats()[0], { name: 'replica1', healthy: true });
});

t.test('the primary answers while replay is paused, then the replica again', async (t) => {
  const { db, stack } = await openOwnDatabase(t, { tidemarkWaitMs: 200 });
  const replica = stack.replicas[0]!;
  await replica.pauseReplay();
  const { results, tidemark } = await db.write({ identity: as('a'), statements: [insert('a')] });
  const statement = byId(results[0]![0]!.id);
  const first = await db.read({ identity: as('a'), statement, tidemark });
  t.match(first, { source: 'primary', rows: [{ owner: 'a' }] });
  const began = performance.now();
  t.match(await db.read({ identity: as('a'), statement, tidemark }), { source: 'primary' });
  t.ok(performance.now() - began < 150, 'nobody waits a second time for one that stands still');
  t.match(
    await db.read({ identity: as('a'), statement }),
    { source: 'replica', rows: { length: 0 } },
    'old data, when nothing is asked for',
  );
  await replica.resumeReplay();
  await until(
    async () => (await db.read({ identity: as('a'), statement, tidemark })).source === 'replica',
    'the replica',
  );
});

t.test('reads use analytics and then half of the write pool when their pool is full', async (t) => {
  const one = { max: 1, min: 1, waitingLimit: 0 };
  const { db, url, replicaUrl } = await openTestDatabase(t, {
    pools: { read: one, analytics: one, write: { max: 4, min: 4 } },
  });
  await until(() => db.poolStats().every(({ slots, min }) => slots.idle >= min), 'all connections');
  // A read waits for this lock, on whichever server it is, until all of them are under way.
  const holders = [url, replicaUrl].map((at) => postgres(at, { max: 1 }));
  t.teardown(() => Promise.all(holders.map((holder) => holder.end({ timeout: 1 }))));
  for (const holder of holders) await holder`select pg_advisory_lock(1)`;
  const hold = { text: 'select pg_advisory_xact_lock_shared(1)::text', params: [] };
  const read = () => db.read({ identity: as('a'), statement: hold });
  const held: ReturnType<typeof read>[] = [];
  const underWay = async () => {
    const counts = await Promise.all(
      holders.map(
        (holder) => holder`select from pg_locks where locktype = 'advisory' and objid = 1 and not granted
                             and database = (select oid from pg_database where datname = current_database())`,
      ),
    );
    return counts.reduce((sum, rows) => sum + rows.length, 0);
  };
  for (let n = 0; n < 4; n++) {
    held.push(read());
    await until(async () => (await underWay()) > n, 'it to be under way');
  }
  await t.rejects(read(), { code: 'DB_POOL_FULL', status: 503 });
  for (const holder of holders) await holder`select pg_advisory_unlock(1)`;
  const servers = (await Promise.all(held)).map(({ server }) => server);
  t.same(servers, ['read:replica1', 'analytics:replica1', 'write', 'write']);
});

t.test('refuses a tidemark of another epoch or ahead of the database', async (t) => {
  const { db } = await openTestDatabase(t);
  const read = (tidemark: string) => db.read({ identity: as('a'), statement: byId(1), tidemark });
  const { tidemark } = await db.write({ identity: as('a'), statements: [insert('a')] });
  const { epoch, lsn } = parseTidemark(tidemark);
  await t.rejects(read(formatTidemark('zzzzzzzzz', lsn)), { code: 'DB_EPOCH_CHANGED', status: 412 });
  await t.rejects(read(formatTidemark(epoch, lsn + (1n << 40n))), { code: 'DB_TIDEMARK_AHEAD', status: 400 });
  await t.rejects(read('nonsense'), { code: 'TM_INVALID_TIDEMARK' });
  await db.pools.admin.query(
    "insert into tidemark.epochs select 'zzzzzzzzzz', clock_timestamp(), 'test', system_identifier, timeline from tidemark.epochs",
  );
  await until(() => db.epoch() === 'zzzzzzzzzz', 'the new epoch');
  await t.rejects(read(tidemark), { code: 'DB_EPOCH_CHANGED' });
});

t.test('under concurrent writers, no answer claims a position beyond its rows, on primary and replica', async (t) => {
  const { db } = await openTestDatabase(t);
  const { db: alone } = await openTestDatabase(t, { replica: false });
  for (const side of [db, alone]) {
    const written: { id: string; tidemark: string }[] = [];
    let isOver = false;
    const write = async () => {
      while (!isOver) {
        const { results, tidemark } = await side.write({ identity: as('a'), statements: [insert('a')] });
        written.push({ id: results[0]![0]!.id, tidemark });
      }
    };
    let checked = 0;
    const read = async () => {
      while (!isOver) {
        const known = [...written];
        const { rows, proven, source } = await side.read({
          identity: as('a'),
          statement: { text: 'select array_agg(id) as ids from notes', params: [] },
        });
        t.equal(source, side === db ? 'replica' : 'primary');
        const seen = new Set(
          String(rows[0]!.ids ?? '{}')
            .slice(1, -1)
            .split(','),
        );
        const due = known.filter(({ tidemark }) => tidemark <= proven);
        const missing = due.filter(({ id }) => !seen.has(id));
        if (missing.length > 0) t.fail(`${missing.length} rows up to ${proven} are missing`);
        checked += due.length;
      }
    };
    const running = [write(), write(), write(), write(), read(), read()];
    await until(() => written.length > 1_000 && checked > 1_000, 'some rounds');
    isOver = true;
    await Promise.all(running);
    t.pass(`${checked} rows checked`);
  }
});

t.test('an open writing transaction holds back the proven position only', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const before = await db.read({ identity: as('a'), statement: byId(1) });
  await db.pools.write.transaction(async (tx) => {
    await tx.query("insert into notes (owner, body) values ('a', 'open')");
    const { results, tidemark } = await db.write({ identity: as('a'), statements: [insert('a')] });
    await until(() => formatTidemark(db.epoch(), db.primaryLsn()) >= tidemark, 'polled');
    const answer = await db.read({ identity: as('a'), statement: byId(results[0]![0]!.id), tidemark });
    t.equal(answer.rows.length, 1);
    t.ok(answer.tidemark >= tidemark);
    t.ok(answer.proven < tidemark);
    t.ok(answer.proven >= before.proven);
  });
  const { tidemark } = await db.write({ identity: as('a'), statements: [insert('a')] });
  await until(async () => (await db.read({ identity: as('a'), statement: byId(1) })).proven >= tidemark, 'proven');
});
