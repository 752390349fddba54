import { parseTidemark } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import { Activity } from '../../src/routing/activity.ts';
import { as, openOwnDatabase, openTestDatabase } from '../open-test-database.ts';

const COUNT = { text: 'select count(*)::int as notes from notes', params: [] };
const INSERT = `insert into notes (owner, body) values ('a', 'x')`;

t.test('servers are asked less often while no request uses the database', async (t) => {
  const { db } = await openTestDatabase(t, { idleAfterMs: 300 });
  const checkedAt = () => db.replicaStats()[0]!.checkedAt;
  await until(() => Date.now() - checkedAt() > 1_000, 'a pause of more than a second between two looks');
  const before = checkedAt();
  await db.read({ identity: as('a'), statement: COUNT });
  t.ok(checkedAt() > before, 'the first read afterwards waits until they have been asked');
  const next = checkedAt();
  await until(() => checkedAt() > next, 'looks are frequent again', 8_000);
});

t.test('the first read after a pause says what was written meanwhile by others', async (t) => {
  const { db, stack } = await openOwnDatabase(t, { idleAfterMs: 300 });
  await db.read({ identity: as('a'), statement: COUNT });
  await until(() => Date.now() - db.replicaStats()[0]!.checkedAt > 1_000, 'a pause');
  await db.pools.admin.query(INSERT);
  const [row] = await db.pools.admin.query<{ lsn: string }>(
    `select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text as lsn`,
  );
  await stack.replicas[0]!.caughtUp();
  const { proven, source } = await db.read({ identity: as('a'), statement: COUNT });
  t.equal(source, 'replica');
  t.ok(parseTidemark(proven).lsn >= BigInt(row!.lsn), 'its position is not that of the look before the pause');
});

t.test('a server that is lost is noticed at once although it is asked rarely', async (t) => {
  const { db, stack } = await openOwnDatabase(t, { idleAfterMs: 300 });
  await until(() => Date.now() - db.replicaStats()[0]!.checkedAt > 1_000, 'a pause');
  await stack.replicas[0]!.stop();
  await until(() => !db.replicaStats()[0]!.healthy, 'the replica is ejected');
});

t.test('requests that wake the servers together ask them once', async (t) => {
  let asked = 0;
  let answer: () => void = () => undefined;
  const activity = new Activity(() => {
    asked++;
    return new Promise<void>((resolve) => {
      answer = resolve;
    });
  }, 0);
  await until(() => activity.look(), 'idle');
  const waiting = [activity.wake(10_000), activity.wake(10_000)];
  t.equal(asked, 1);
  t.notOk(activity.isIdle);
  answer();
  await Promise.all(waiting);
  t.equal(activity.waking, undefined);
});

t.test('a server that does not answer delays no request for longer than one poll', async () => {
  const activity = new Activity(() => new Promise(() => undefined), 0);
  await until(() => activity.look(), 'idle');
  await activity.wake(20);
});
