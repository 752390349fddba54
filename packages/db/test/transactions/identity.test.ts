import { until } from '@tidemark/testing';
import t from 'tap';
import { parseConnectionUrl } from '../../src/connection/url.ts';
import { poolOptions } from '../../src/pool/options.ts';
import { ConnectionPool } from '../../src/pool/pool.ts';
import type { Identity, Row } from '../../src/types.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const WHO =
  "select current_user::text as role, current_setting('request.jwt.claims', true)::jsonb ->> 'sub' as sub, $1::int as n";

/** Fails where the second parameter is 0. */
const MAYBE = `${WHO}, 1 / $2::int as whole`;

/** Leaves behind in the session what a function can. */
const MEDDLE = `create function meddle(n int) returns void language plpgsql as $$
  begin
    perform set_config('request.jwt.claims', '{"sub":"stolen"}', false), set_config('role', 'service_role', false),
      set_config('search_path', 'pg_catalog', false), set_config('default_transaction_read_only', 'off', false);
    begin
      perform set_config('transaction_read_only', 'off', true);
      raise 'a read may write';
    exception when active_sql_transaction then null;
    end;
  end $$`;

t.test('no read of thousands at once sees the claims of another, even with failures among them', async (t) => {
  // Nobody is refused, however slow the machine is: only what is mixed counts.
  const pools = { write: { max: 8, waitingLimit: 10_000, acquireTimeoutMs: 60_000 } };
  const { db } = await openTestDatabase(t, { replica: false, pools });
  await db.pools.admin.query(MEDDLE);
  // As the gateway does: what a function may have changed is part of the identity.
  const settings = { search_path: 'public' };
  const read = (n: number) => {
    const fails = n % 7 === 0;
    const meddles = n % 5 === 0 ? ', meddle($1::int)::text as meddled' : '';
    const statement = { text: `${MAYBE}${meddles}`, params: [n, fails ? 0 : 1], sessionSafe: meddles === '' };
    // Every other one has the identity of the one before it.
    const sub = `u${n - (n % 2)}`;
    return db.read({ identity: { ...as(sub), settings }, statement }).then(
      ({ rows }) => !fails && rows[0]!.sub === sub && rows[0]!.role === 'authenticated' && rows[0]!.n === n,
      (error) => fails && error.code === '22012',
    );
  };
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.all(Array.from({ length: 800 }, (_, i) => read(round * 800 + i + 1)));
    t.ok(outcomes.every(Boolean), `round ${round}`);
  }
  const statements = (db.pools.write as ConnectionPool).statements;
  t.ok(statements.of(MAYBE).pipelined.count > 0, 'the later rounds rode on a pipeline');
  t.ok(statements.of(`${MAYBE}, meddle($1::int)::text as meddled`).pipelined.count > 0, 'so did those that meddle');
});

t.test('only session-safe reads of the same turn share a transaction', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 4 } } });
  const text = `${MAYBE}, concat(pg_backend_pid(), ' ', now()) as began`;
  const readAs = (identity: Identity, sessionSafe: boolean, divisor = 1) =>
    db.read({ identity, statement: { text, params: [1, divisor], sessionSafe } }).then(({ rows }) => rows[0]!);
  const read = (sub: string, sessionSafe: boolean) => readAs(as(sub), sessionSafe);
  const began = (rows: Row[]) => new Set(rows.map((row) => row.began)).size;
  const subs = ['a', 'a', 'b', 'b', 'a', 'c', 'c', 'c'];
  // On a busy machine it takes a while until the statement counts as brief.
  await until(async () => {
    const shared = await Promise.all(subs.map((sub) => read(sub, true)));
    t.same(
      shared.map(({ sub }) => sub),
      subs,
    );
    return began(shared) === 1;
  }, 'they share the one pipeline that a pool of four has');
  t.equal(began(await Promise.all(subs.map((sub) => read(sub, false)))), subs.length);
  const many = await Promise.all(Array.from({ length: 60 }, () => read('a', true)));
  t.ok(began(many) >= 60 / 8, 'no more than eight share one');
  const mixed = await Promise.all(subs.map((sub, i) => read(sub, i !== 3)));
  t.equal(mixed.filter((row) => row.began === mixed[3]!.began).length, 1, 'one that is not session-safe shares none');
  const other = { ...as('a'), settings: { 'app.other': 'x' } };
  const apart = await Promise.all([as('a'), other, as('a'), other].map((identity) => readAs(identity, true)));
  t.not(apart[0]!.began, apart[1]!.began, 'nor those with other settings');
  t.not(apart[2]!.began, apart[3]!.began);
  await until(async () => {
    const outcomes = subs.map((sub, i) => readAs(as(sub), true, i === 3 ? 0 : 1).catch(({ code }): Row => ({ code })));
    const rows = await Promise.all(outcomes);
    t.same(
      rows.map(({ sub, code }) => sub ?? code),
      subs.with(3, '22012'),
    );
    return began(rows.slice(0, 3)) === 1 && rows[4]!.began !== rows[0]!.began;
  }, 'one fails among those that share, and those behind it read again');
});

t.test('a read on a pipeline cannot write, whatever an earlier read has set', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8 } } });
  await db.pools.admin.query(MEDDLE);
  const text = 'select public.meddle(0)::text, public.write_if($1::bool)::text as wrote';
  await db.pools.admin.query(`create function write_if(writes boolean) returns void language plpgsql as $$
    begin if writes then insert into public.notes (owner, body) values ('a', 'x'); end if; end $$`);
  const read = (writes: boolean) => db.read({ identity: as('a'), statement: { text, params: [writes] } });
  const { pipelined } = (db.pools.write as ConnectionPool).statements.of(text);
  await until(async () => (await read(false)).rows.length === 1 && pipelined.count > 20, 'it reads');
  for (let i = 0; i < 20; i++) await t.rejects(read(true), { code: '25006' });
  t.equal((await db.pools.admin.query('select count(*)::int as n from notes'))[0]!.n, 0);
});

t.test('a pipeline returns the same types, nulls, long answers and errors as an exclusive connection', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8 } } });
  const text = `select $1::int as n, $2::text as text, null as nothing, true as yes, '{"a":[1]}'::jsonb as doc, 9007199254740993 as big,
                       repeat('ä€😀', $1::int) as long, array[1, 2] as list, 1.50::numeric as num from generate_series(1, $3)`;
  const statement = (n: number, rows: number) => ({ text, params: [n, 'ß\'"\\', rows] });
  const read = (n: number, rows: number) => db.read({ identity: as('a'), statement: statement(n, rows) });
  const alone = await read(3, 2);
  const { pipelined } = (db.pools.write as ConnectionPool).statements.of(text);
  await until(async () => (await read(3, 2)).rows.length === 2 && pipelined.count > 0, 'it reads');
  const sizes = [0, 1, 3, 100_000, 5];
  // On a busy machine the statement may stop counting as brief for a while; the answers must be the same on both paths.
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => read(sizes[i % 5]!, i % 4)));
    answers.forEach(({ rows }, i) => {
      const n = sizes[i % 5]!;
      const row = { ...alone.rows[0], n, long: 'ä€😀'.repeat(n) };
      t.ok(rows.length === i % 4 && rows.count === i % 4 && rows.every((one) => same(one, row)), `answer ${i}`);
    });
    return pipelined.count > 20;
  }, 'the pipeline has answered more than twenty reads');
  await t.rejects(db.read({ identity: as('a'), statement: { text, params: ['x', '', 1] } }), { code: '22P02' });
  await t.rejects(db.read({ identity: { role: 'nobody', claims: '{}' }, statement: statement(1, 1) }), {
    code: '22023',
  });
  await t.rejects(db.read({ identity: { role: 'none', claims: '{}' }, statement: statement(1, 1) }), {
    code: 'DB_ROLE_REFUSED',
  });
  t.match((await read(3, 1)).rows[0], alone.rows[0] as object);
});

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

t.test('answers all other reads when a function deallocates the prepared statements of a pipeline', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8 } } });
  await db.pools.admin.query(`create function forget_if(forgets boolean) returns void language plpgsql as $$
    begin if forgets then execute 'deallocate all'; end if; end $$`);
  const text = `${WHO}, forget_if($2::bool)::text as forgot`;
  const { pipelined } = (db.pools.write as ConnectionPool).statements.of(text);
  const read = (n: number, forgets: boolean) =>
    db.read({ identity: as(`u${n}`), statement: { text, params: [n, forgets] } });
  const reads = async () => {
    const rode = pipelined.count;
    await until(async () => (await read(1, false)).rows.length === 1 && pipelined.count > rode, 'it reads');
  };
  await reads();
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => read(n, n === 7)));
    t.ok(answers.every(({ rows: [row] }, n) => row!.sub === `u${n}` && row!.n === n));
    await reads();
  }
});

t.test('the overrun of a stopped server names the holder of the read, not the pipeline', async (t) => {
  const { db, events } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8 } } });
  const holder = { route: 'GET /here' };
  const read = () => db.read({ identity: as('a'), statement: { text: WHO, params: [1] }, holder, timeoutMs: 100 });
  const { pipelined } = (db.pools.write as ConnectionPool).statements.of(WHO);
  await until(async () => (await read()).rows.length === 1 && pipelined.count > 5, 'it reads');
  const pids = await db.pools.admin.query(
    "select pid from pg_stat_activity where datname = current_database() and application_name = 'test/write'",
  );
  for (const { pid } of pids) process.kill(pid, 'SIGSTOP');
  try {
    await t.rejects(read(), { code: 'DB_STATEMENT_OVERRUN' });
  } finally {
    for (const { pid } of pids) process.kill(pid, 'SIGCONT');
  }
  t.match(
    events.find(({ type }) => type === 'db.statement_overrun'),
    { holder },
  );
  t.equal((await read()).rows.length, 1);
});

t.test('a write is atomic, throws its first error, and rolls back on request', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const insert = { text: 'insert into notes (owner, body) values ($1, $2) returning id', params: ['a', 'x'] };
  const count = async () => (await db.pools.admin.query('select count(*)::int as n from notes'))[0]!.n;
  const identity = as('a');
  await t.rejects(db.write({ identity, statements: [insert, { text: 'select 1/0' }, insert] }), { code: '22012' });
  await t.rejects(db.write({ identity, statements: [insert, { text: 'select $1', params: [new Date(Number.NaN)] }] }), {
    code: 'DB_INVALID_PARAMETER',
  });
  await t.rejects(db.write({ identity: as('b'), statements: [insert] }), { code: '42501', status: 403 });
  t.equal(await count(), 0);
  const { results } = await db.write({ identity, statements: [insert], rollback: true });
  t.equal(results[0]!.length, 1);
  t.equal(await count(), 0);
  await db.write({ identity, statements: [insert, insert] });
  t.equal(await count(), 2);
  await t.rejects(db.read({ identity, statement: insert }), { code: '25006' }, 'a read cannot write');
});

t.test('refuses an identity that would be the user who logged in', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const statement = { text: 'select 1' };
  await t.rejects(db.read({ identity: { role: 'none', claims: '{}' }, statement }), { code: 'DB_ROLE_REFUSED' });
  const settings = { role: 'postgres' };
  await t.rejects(db.read({ identity: { ...as('a'), settings }, statement }), { code: 'DB_SETTING_REFUSED' });
  await t.rejects(db.read({ identity: { role: 'nobody', claims: '{}' }, statement }), { code: '22023' });
});

t.test('a session has no rights between transactions', async (t) => {
  const { url } = await openTestDatabase(t, { replica: false });
  const settings = { role: 'tidemark_none' };
  const options = poolOptions('write', { max: 1 });
  const observe = () => undefined;
  const pool = new ConnectionPool({
    name: 'x',
    target: parseConnectionUrl(url),
    options,
    settings,
    rest: 'none',
    observe,
  });
  t.teardown(() => pool.close());
  const text = 'select current_user::text as role';
  for (let round = 0; round < 2; round++) {
    const lease = await pool.acquire('none', {});
    t.same([...(await lease.connection.send({ text, params: [], prepare: true }, 0))], [{ role: 'tidemark_none' }]);
    await t.rejects(lease.connection.send({ text: 'select * from notes', params: [], prepare: true }, 0), {
      code: '42501',
    });
    pool.release(lease);
    t.equal((await pool.query(text))[0]!.role, 'postgres', 'a query of the pool itself is its user');
  }
});
