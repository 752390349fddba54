import { until } from '@tidemark/testing';
import t from 'tap';
import { RoleTimeouts, readTimeout } from '../../src/transactions/role-timeouts.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

t.test('enforces the time limit of a role for a statement, a transaction and a stream', async (t) => {
  const statementTimeouts = new Map([['authenticated', 100]]);
  const { db } = await openTestDatabase(t, { statementTimeouts, pools: { write: { max: 2 } } });
  const identity = as('a');
  const statement = { text: 'select pg_sleep(20)' };
  const cancelled = { code: '57014' };
  await t.rejects(db.read({ identity, statement }), cancelled);
  await t.rejects(db.write({ identity, statements: [statement] }), cancelled);
  for (const pool of [db.pools.write, db.pools.analytics]) {
    const alone = pool.transaction((tx) => tx.query(statement.text), { identity });
    // On a busy machine the limit of the whole transaction may be over before the server's own.
    await t.rejects(alone, { code: /^(57014|DB_TRANSACTION_TIMEOUT)$/ });
  }
  await t.rejects(db.streams.copyOut({ identity, statement, format: 'csv' }), cancelled);
  const many = db.pools.write.transaction(
    async (tx) => {
      for (let n = 0; n < 10; n++) await tx.query('select pg_sleep(0.05)');
    },
    { identity },
  );
  await t.rejects(many, /57014|together|canceling/);
  const [row] = await db.pools.write.query("select pg_sleep(0.2)::text, current_setting('statement_timeout') as limit");
  t.equal(row!.limit, '15s', 'the limit ended with its transaction');
});

t.test('leaves no transaction open after a refused identity', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1 } } });
  await t.rejects(
    db.pools.write.transaction(async () => undefined, { identity: { role: 'none', claims: '{}' } }),
    { code: 'DB_ROLE_REFUSED' },
  );
  const open = await db.pools.admin.query(
    "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
  );
  t.equal(open.length, 0);
});

t.test('a client that is gone gets no connection, and no longer waits for one', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1 } } });
  const listeners = new Set<() => void>();
  const client = {
    isGone: false,
    onGone(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const holder = db.pools.write.query('select pg_sleep(0.3)');
  await until(() => db.pools.write.stats().slots.busy === 1, 'it runs');
  const waiting = db.read({ identity: as('a'), statement: { text: 'select 1' }, client });
  await until(() => db.pools.write.stats().waiting === 1, 'it waits');
  client.isGone = true;
  for (const listener of [...listeners]) listener();
  await t.rejects(waiting, { code: 'DB_CLIENT_GONE' });
  t.equal(db.pools.write.stats().waiting, 0);
  t.equal(listeners.size, 0);
  await holder;
  await t.rejects(db.write({ identity: as('a'), statements: [{ text: 'select 1' }], client }), {
    code: 'DB_CLIENT_GONE',
  });
});

t.test('a cancel request never hits another statement', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 2 } } });
  const others = { failed: 0, answered: 0 };
  let isOver = false;
  const busy = Array.from({ length: 2 }, async () => {
    while (!isOver) {
      await db.pools.write.query('select pg_sleep(0.001)').then(
        () => others.answered++,
        () => others.failed++,
      );
    }
  });
  for (let n = 0; n < 60; n++) {
    let tell: () => void = () => undefined;
    const client = {
      isGone: false,
      onGone(listener: () => void) {
        tell = listener;
        return () => {
          tell = () => undefined;
        };
      },
    };
    // About as long as a cancel request takes to come after the grace.
    const read = db.read({ identity: as('a'), statement: { text: `select pg_sleep(0.0${(n % 4) + 2})` }, client });
    const ended = read.catch((error: { code: string }) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 3));
    client.isGone = true;
    tell();
    await ended;
  }
  isOver = true;
  await Promise.all(busy);
  t.equal(others.failed, 0);
  t.ok(others.answered > 0);
});

t.test('the lowest limit applies, 0 is none, and times are read in the format of Postgres', (t) => {
  const timeouts = new RoleTimeouts(
    new Map([
      ['anon', 3_000],
      ['*', 8_000],
    ]),
  );
  t.equal(timeouts.least('anon', 15_000, undefined), 3_000);
  t.equal(timeouts.least('anon', 1_000, undefined), 1_000);
  t.equal(timeouts.least('anon', 0, undefined), 3_000);
  t.equal(timeouts.least('else', 15_000, undefined), 8_000);
  t.equal(timeouts.least('anon', 60_000, 60_000), 60_000, 'the limit of an export');
  t.equal(new RoleTimeouts(new Map()).least('anon', 15_000, undefined), 15_000);
  for (const [text, ms] of [
    ['250', 250],
    ['2s', 2_000],
    ["'1min'", 60_000],
    ['1.5 h', 5_400_000],
    ['900us', 1],
    ['0', 0],
    ['soon', undefined],
  ] as const) {
    t.equal(readTimeout(text), ms, text);
  }
  t.end();
});
