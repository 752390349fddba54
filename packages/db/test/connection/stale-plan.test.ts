import t from 'tap';
import { as, openTestDatabase } from '../open-test-database.ts';

const ALL = {
  text: "select *, current_user::text as role, current_setting('request.jwt.claims', true) as claims from notes",
};

t.test('`select *` works after a column is added: alone, on a pipeline, and as the pool itself', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 4 } } });
  const { admin, write } = db.pools;
  await admin.query("insert into notes (owner, body) values ('a', 'x'), ('b', 'y')");
  const read = (sub: string) => db.read({ identity: as(sub), statement: ALL });
  for (let round = 0; round < 3; round++) {
    // After 30 reads the statement is known to be short, so that later rounds are on a pipeline.
    for (let i = 0; i < 30; i++) await read('a');
    await write.query('select * from notes');
    await admin.query(`alter table notes add column more${round} int default ${round}`);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => read(i % 2 ? 'a' : 'b')));
    answers.forEach(({ rows }, i) => {
      const sub = i % 2 ? 'a' : 'b';
      t.same(
        rows.map((row) => [row.owner, row.role, JSON.parse(row.claims).sub, row[`more${round}`]]),
        [[sub, 'authenticated', sub, round]],
      );
    });
    t.equal((await write.query('select * from notes')).length, 2);
  }
});

t.test('a write with a stale plan happens once', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1 } } });
  const insert = { text: "insert into notes (owner, body) values ('a', $1) returning *", params: ['x'] };
  const write = () =>
    db.write({
      identity: as('a'),
      statements: [{ text: "insert into notes (owner, body) values ('a', 'first')" }, insert],
    });
  await write();
  await db.pools.admin.query('alter table notes add column more int');
  const { results } = await write();
  t.ok('more' in results[1]![0]!);
  t.equal((await db.pools.admin.query('select count(*)::int as n from notes'))[0]!.n, 4);
});
