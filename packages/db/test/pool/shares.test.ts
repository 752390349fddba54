/** Identities that share a pool, on a real server. */
import { until } from '@tidemark/testing';
import t from 'tap';
import type { Client } from '../../src/types.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const SLEEP = 'select pg_sleep($1::float8)';
const clientOf = (key: string): Client => ({ key, isGone: false, onGone: () => () => undefined });

t.test('answers other identities at once while one has long statements and a queue of them', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 6 } } });
  const { write } = db.pools;
  let ended = 0;
  const lock = 'select pg_advisory_lock(4711), pg_advisory_unlock(4711)';
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  // All of the flood waits for a lock that the test holds: until the test says so, none of it can end.
  const holding = db.pools.admin.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock(4711)');
    await held;
  });
  await until(async () => {
    const [row] = await db.pools.admin.query(
      "select count(*)::int as n from pg_locks where locktype = 'advisory' and granted",
    );
    return row?.n === 1;
  }, 'the lock is held');
  const flood = Array.from({ length: 30 }, () =>
    write.query(lock, [], { client: clientOf('flood') }).then(() => {
      ended += 1;
    }),
  );
  await until(
    () => write.stats().slots.busy >= 5 && write.stats().waiting === 25,
    'the first identity has its connections, and a queue',
  );
  for (let n = 0; n < 20; n++) {
    const client = clientOf(`user ${n % 3}`);
    await write.query('select 1', [], { client });
    await db.write({ identity: as('user'), statements: [{ text: 'select 1' }], client });
    await db.read({ identity: as('user'), statement: { text: 'select 2' }, client });
  }
  t.equal(ended, 0, 'nothing of the flood has ended yet');
  letGo();
  await Promise.all([holding, ...flood]);
  t.equal(ended, 30, 'and then all of it is served');
  t.match(write.stats(), { waiting: 0, slots: { busy: 0 }, refusedTotal: 0, timeoutsTotal: 0 });
});

t.test('an identity alone may use the pool except the reserve, and the service all of it', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { analytics: { max: 5 } } });
  const { analytics } = db.pools;
  const most = async (client?: Client) => {
    let busy = 0;
    const all = Array.from({ length: 12 }, () => analytics.query(SLEEP, [0.05], { ...(client && { client }) }));
    const timer = setInterval(() => {
      busy = Math.max(busy, analytics.stats().slots.busy);
    }, 2);
    await Promise.all(all);
    clearInterval(timer);
    return busy;
  };
  t.equal(await most(), 5);
  t.equal(await most(clientOf('alone')), 4);
});

t.test('counts nothing for an identity after a gone client, a lost connection or a deadline', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { analytics: { max: 4 } } });
  const { analytics, admin } = db.pools;
  let leave: () => void = () => undefined;
  const leaving: Client = {
    key: 'a',
    isGone: false,
    onGone(listener) {
      leave = listener;
      return () => undefined;
    },
  };
  const client = clientOf('a');
  const holders = [0, 1, 2].map(() => analytics.query(SLEEP, [30], { client }).catch((error) => error.code));
  await until(() => analytics.stats().slots.busy === 3, 'all but the reserve is busy');
  const gone = analytics.query('select 1', [], { client: leaving });
  const late = analytics.query('select 1', [], { client, acquireTimeoutMs: 20 });
  await t.rejects(late, { code: 'DB_ACQUIRE_TIMEOUT' });
  leave();
  await t.rejects(gone, { code: 'DB_CLIENT_GONE' });
  const waits = analytics.query('select 1', [], { client });
  await admin.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
  );
  await Promise.all(holders);
  await waits;
  const again = await Promise.all([0, 1, 2, 3, 4, 5].map(() => analytics.query('select 1 as one', [], { client })));
  t.equal(again.length, 6);
  t.match(analytics.stats(), { waiting: 0, slots: { busy: 0 } });
});

t.test('tells a client the expected and the actual time of its statements, failed ones included', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1 } } });
  const told: string[] = [];
  const client: Client = {
    ...clientOf('a'),
    expects: (ms) => told.push(ms >= 50 ? 'expects long' : 'expects short'),
    spent: (ms, isFruitless) => told.push(`${ms >= 50 ? 'long' : 'short'}${isFruitless ? ' for nothing' : ''}`),
  };
  const sleep = (seconds: number, options = {}) =>
    db.write({ identity: as('a'), statements: [{ text: SLEEP, params: [seconds] }], client, ...options });
  await sleep(0.1);
  await sleep(0.1);
  await t.rejects(sleep(30, { timeoutMs: 100 }), { code: '57014' });
  t.same(told.splice(0), ['expects short', 'long', 'expects long', 'long', 'expects long', 'long for nothing']);
  const holding = db.pools.write.query(SLEEP, [0.3]);
  await until(() => db.pools.write.stats().slots.busy === 1, 'the connection is busy');
  await t.rejects(sleep(0, { acquireTimeoutMs: 10 }), { code: 'DB_ACQUIRE_TIMEOUT' });
  t.same(told, ['expects long', 'short'], 'what did not run cost nothing');
  await holding;
});
