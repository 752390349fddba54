import t from 'tap';
import { parseConnectionUrl } from '../src/connection-url.ts';
import { SlotPool } from '../src/pool.ts';
import { poolOptions } from '../src/pool-options.ts';
import { as, openTestDatabase } from './open-test-database.ts';

const WHO =
  "select current_user::text as role, current_setting('request.jwt.claims', true)::jsonb ->> 'sub' as sub, $1::int as n";

t.test('thousands of reads at once, failures among them: none sees the claims of another', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8, waitingLimit: 10_000 } } });
  const read = (n: number) => {
    const fails = n % 7 === 0;
    const text = fails ? `${WHO}, 1 / ($1::int - $1::int) as bad` : WHO;
    return db.read({ identity: as(`u${n}`), statement: { text, params: [n] } }).then(
      ({ rows }) => !fails && rows[0]!.sub === `u${n}` && rows[0]!.role === 'authenticated' && rows[0]!.n === n,
      (error) => fails && error.code === '22012',
    );
  };
  for (let round = 0; round < 4; round++) {
    const outcomes = await Promise.all(Array.from({ length: 1_500 }, (_, i) => read(round * 1_500 + i + 1)));
    t.ok(outcomes.every(Boolean), `round ${round}`);
  }
  const statements = (db.pools.write as SlotPool).statements;
  t.ok(statements.of(WHO).onLane.count > 0, 'the later rounds rode on a lane');
});

t.test('a write is all or nothing, throws its first error, and rolls back when asked to', async (t) => {
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

t.test('an identity cannot become the user that logged in', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false });
  const statement = { text: 'select 1' };
  await t.rejects(db.read({ identity: { role: 'none', claims: '{}' }, statement }), { code: 'DB_ROLE_REFUSED' });
  const settings = { role: 'postgres' };
  await t.rejects(db.read({ identity: { ...as('a'), settings }, statement }), { code: 'DB_SETTING_REFUSED' });
  await t.rejects(db.read({ identity: { role: 'nobody', claims: '{}' }, statement }), { code: '22023' });
});

t.test('between transactions the session is a role that may do nothing', async (t) => {
  const { url } = await openTestDatabase(t, { replica: false });
  const settings = { role: 'tidemark_none' };
  const options = poolOptions('write', { max: 1 });
  const observe = () => undefined;
  const pool = new SlotPool({ name: 'x', target: parseConnectionUrl(url), options, settings, rest: 'none', observe });
  t.teardown(() => pool.close());
  const text = 'select current_user::text as role';
  for (let round = 0; round < 2; round++) {
    const lease = await pool.acquire('none', {});
    t.same([...(await lease.slot.send({ text, params: [], prepare: true }, 0))], [{ role: 'tidemark_none' }]);
    await t.rejects(lease.slot.send({ text: 'select * from notes', params: [], prepare: true }, 0), { code: '42501' });
    pool.release(lease);
    t.equal((await pool.query(text))[0]!.role, 'postgres', 'a query of the pool itself is its user');
  }
});
