import { until } from '@tidemark/testing';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import type { DbEvent } from '../../src/events.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const SLEEP = 'select pg_sleep($1::float8)';

t.test('opens at most max connections, refuses requests beyond the waiting limit, and ends long waits', async (t) => {
  const { db, events } = await openTestDatabase(t, { replica: false, pools: { write: { max: 2, waitingLimit: 3 } } });
  const { write } = db.pools;
  const busy = [write.query(SLEEP, [2]), write.query(SLEEP, [2])];
  await until(() => write.stats().slots.busy === 2, 'both connections are busy');
  const waiting = [1, 2, 3].map(() => write.query('select 1', [], { acquireTimeoutMs: 100 }));
  const outcomes = Promise.allSettled(waiting);
  const began = performance.now();
  await t.rejects(write.query('select 1'), { code: 'DB_POOL_FULL', status: 503, retryAfter: 1 });
  t.ok(performance.now() - began < 100, 'at once');
  t.equal(write.stats().waiting, 3);
  for (const outcome of await outcomes) t.match(outcome, { reason: { code: 'DB_ACQUIRE_TIMEOUT' } });
  await Promise.all(busy);
  const stats = write.stats();
  t.match(stats, { refusedTotal: 1, timeoutsTotal: 3, waiting: 0, slots: { busy: 0, idle: 2 } });
  t.ok(stats.utilisation > 0.3, `utilisation ${stats.utilisation}`);
  t.match(
    events.filter(({ type }) => type === 'db.refused' || type === 'db.acquire_timeout').map(({ type }) => type),
    ['db.refused', 'db.acquire_timeout', 'db.acquire_timeout', 'db.acquire_timeout'],
  );
});

t.test('serves waiting requests in the order of arrival', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1 } } });
  const order: number[] = [];
  await Promise.all([1, 2, 3, 4, 5].map((n) => db.pools.write.query('select 1').then(() => order.push(n))));
  t.same(order, [1, 2, 3, 4, 5]);
});

t.test('rolls back a transaction whose work throws or hides a failed statement', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const { write } = db.pools;
  const insert = "insert into notes (owner, body) values ('a', 'x')";
  const boom = new Error('boom');
  await t.rejects(
    write.transaction(async (tx) => {
      await tx.query(insert);
      throw boom;
    }),
    boom,
  );
  await t.rejects(
    write.transaction(async (tx) => {
      await tx.query(insert);
      // The error is expected: it aborts the transaction.
      await tx.query('select 1/0').catch(() => undefined);
    }),
    { code: 'DB_TRANSACTION_ABORTED', cause: { code: '22012' } },
  );
  let kept: Promise<unknown> | undefined;
  await write.transaction(async (tx) => {
    await tx.query(insert);
    setTimeout(() => {
      kept = tx.query(insert).catch((error) => error.code);
    }, 0);
  });
  await until(() => kept, 'the late statement');
  t.equal(await kept, 'DB_TRANSACTION_OVER');
  t.equal((await write.query('select count(*)::int as n from notes'))[0]!.n, 1);
  const rows = await write.transaction((tx) => tx.query('select owner from notes'), {
    identity: as('nobody'),
    readOnly: true,
  });
  t.equal(rows.length, 0, 'an identity holds in it');
});

t.test('reports a leak once with route, age and stack, and takes the lease back on request', async (t) => {
  const { db, events } = await openTestDatabase(t, {
    replica: false,
    pools: { write: { max: 2, leakThresholdMs: 100, leakReclaimMs: 600 } },
  });
  const leaking = db.pools.write.transaction(() => new Promise(() => undefined), { holder: { route: 'GET /leak' } });
  const outcome = t.rejects(
    Promise.race([leaking, until(() => db.pools.write.stats().discardedTotal > 0, 'reclaimed')]).then(async () => {
      await db.pools.write.query('select 1');
      throw Object.assign(new Error('free again'), { code: 'FREE' });
    }),
    { code: 'FREE' },
  );
  const isLeak = (event: DbEvent) => event.type === 'db.leak';
  await until(() => events.some(isLeak), 'the report');
  await outcome;
  const [leak, ...more] = events.filter(isLeak);
  t.same(more, []);
  t.match(leak, { pool: 'write', holder: { route: 'GET /leak' }, stack: /pool\.test/ });
  t.equal(db.pools.write.stats().leaksTotal, 1);
});

t.test('a leak whose session an operator ends is none any more, and its place is free', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1, leakThresholdMs: 100 } } });
  const { write, admin } = db.pools;
  void write.transaction(() => new Promise(() => undefined)).catch(() => undefined);
  const { pid } = await until(() => write.stats().leak, 'the leak');
  t.match(write.stats(), { slots: { busy: 1 } });
  await admin.query('select pg_terminate_backend($1::int)', [pid]);
  await until(() => write.stats().leak === undefined, 'no leak is told');
  t.equal(write.stats().longest, undefined);
  t.equal((await write.query('select 1')).length, 1);
  await until(() => write.stats().utilisation === 0, 'it does not count as busy');
});

t.test("the server enforces a statement's own limit, and the next one has the pool's again", async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1, statementTimeoutMs: 5_000 } } });
  const { write } = db.pools;
  await t.rejects(write.query(SLEEP, [3], { timeoutMs: 50 }), { code: '57014', status: 504 });
  t.equal((await write.query('show statement_timeout'))[0]!.statement_timeout, '5s');
  await t.rejects(db.write({ identity: as('a'), statements: [{ text: SLEEP, params: [3] }], timeoutMs: 50 }), {
    code: '57014',
  });
});

t.test('closes idle connections down to min, and replaces old ones', async (t) => {
  const { db } = await openTestDatabase(t, {
    replica: false,
    pools: { write: { min: 1, max: 6, idleTimeoutMs: 100 }, admin: { max: 2, lifetimeMs: 300 } },
  });
  const { write, admin } = db.pools;
  const pid = async () => (await admin.query('select pg_backend_pid() as pid'))[0]!.pid;
  const first = await pid();
  await Promise.all(Array.from({ length: 12 }, () => write.query(SLEEP, [0.02])));
  t.ok(write.stats().slots.idle > 1);
  await until(() => write.stats().slots.idle === 1 && write.stats().slots.closing === 0, 'down to min');
  await until(async () => (await pid()) !== first, 'replaced');
  // One statement more than a connection keeps prepared.
  for (let i = 0; i <= 501; i++) await write.query(`select ${i}`);
  const prepared = await write.query('select count(*)::int as n from pg_prepared_statements');
  t.ok(prepared[0]!.n < 50, `a fresh connection has ${prepared[0]!.n}`);
});

t.test('close() waits for running statements up to its deadline', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const done = db.pools.write.query(SLEEP, [0.2]);
  const lost = t.rejects(db.pools.analytics.query(SLEEP, [30]), { code: 'DB_POOL_CLOSED' });
  await until(() => db.poolStats().reduce((n, { slots }) => n + slots.busy, 0) === 2, 'both under way');
  const began = performance.now();
  await db.close(1_500);
  t.ok(performance.now() - began < 5_000);
  t.equal((await done).length, 1);
  await lost;
  await t.rejects(db.pools.write.query('select 1'), { code: 'DB_POOL_CLOSED' });
});

t.test('refuses an invalid option by name', async (t) => {
  const bad = { min: 5, max: 2 };
  await t.rejects(openTestDatabase(t, { replica: false, pools: { read: bad } }), {
    code: 'DB_POOL_OPTION',
    message: /min/,
  });
});

t.test('reports pools of all instances that do not fit on the server, with the numbers', async (t) => {
  const { url, events } = await openTestDatabase(t, { replica: false });
  const notFitting = (all: DbEvent[]) => all.filter((event) => event.type === 'db.too_few_connections');
  t.same(notFitting(events), []);
  const late: DbEvent[] = [];
  const pools = { write: { max: 900 } };
  const observe = (event: DbEvent) => late.push(event);
  const db = await openDatabase({ primaryUrl: url, applicationName: 'late', pools, observe });
  t.teardown(() => db.close());
  const [report, ...more] = notFitting(late);
  t.same(more, []);
  t.match(report, { error: { code: 'DB_TOO_FEW_CONNECTIONS' } });
  if (report?.type === 'db.too_few_connections') {
    t.ok(report.available < 900 && report.instances >= 2);
    t.ok(report.needed >= 900 + 1 + 1 + 1 + 36, `${report.needed}: ours, and those of the other instance`);
  }
});
