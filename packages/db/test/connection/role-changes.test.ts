/** Postgres keeps the row-level security of a role in its plans: after a change of the role, reads must see what a new session sees. */
import { randomUUID } from 'node:crypto';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { openTestDatabase } from '../open-test-database.ts';

/** Rows of `x` that the role sees; the same through a function, which has a plan of its own. */
const SEEN = 'select (select count(*) from x)::int as rows, through_function()::int as through_function';

interface Change {
  readonly text: string;
  readonly rows: number;
}

/** Each role belongs to the server, so its name is unique. */
async function setUp(t: Test) {
  const { db } = await openTestDatabase(t, { pools: { write: { max: 4 }, read: { max: 4 } } });
  const { admin } = db.pools;
  const name = randomUUID().slice(0, 8);
  const [role, group] = [`reader_${name}`, `group_${name}`];
  t.teardown(async () => {
    for (const one of [role, group]) await admin.query(`drop owned by ${one}`);
    for (const one of [role, group]) await admin.query(`drop role ${one}`);
  });
  for (const text of [
    `create role ${role} nologin`,
    `create role ${group} nologin`,
    'create table x (id int)',
    'insert into x values (1), (2), (3)',
    'alter table x enable row level security',
    'create policy one on x for select using (id = 1)',
    `create policy two on x for select to ${group} using (id = 2)`,
    `grant select on x to ${role}`,
    'create function through_function() returns bigint language plpgsql stable as $$ begin return (select count(*) from x); end $$',
  ])
    await admin.query(text);
  const changes: Change[] = [
    { text: `alter role ${role} bypassrls`, rows: 3 },
    { text: `alter role ${role} nobypassrls`, rows: 1 },
    { text: `grant ${group} to ${role}`, rows: 2 },
    { text: `revoke ${group} from ${role}`, rows: 1 },
  ];
  const identity = { role, claims: '{}' };
  const ways = {
    'as a read': async (text: string, tidemark?: string) =>
      (await db.read({ identity, statement: { text, params: [] }, ...(tidemark && { tidemark }) })).rows,
    'in a write': async (text: string) =>
      (await db.write({ identity, statements: [{ text, params: [] }] })).results[0]!,
    'in a transaction': (text: string) => db.pools.write.transaction((tx) => tx.query(text), { identity }),
  };
  return { db, admin, changes, ways };
}

t.test('after rolesChanged(), reads have the present rights of the role', async (t) => {
  const { db, admin, changes, ways } = await setUp(t);
  for (const { text, rows } of changes) {
    // After 25 reads the statement is prepared on every connection, and pipelined.
    for (const way of Object.values(ways)) for (let n = 0; n < 25; n += 1) await way(SEEN);
    await admin.query(text);
    await db.rolesChanged();
    const { tidemark } = await db.transaction(async (tx) => tx.query('select 1'));
    for (const [how, way] of Object.entries(ways)) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => way(SEEN, tidemark)));
      t.same(answers.flat(), Array(8).fill({ rows, through_function: rows }), `${text}, ${how}`);
    }
  }
});

t.test('the pools notice changes of roles by themselves, on a replica, too', async (t) => {
  const { admin, changes, ways } = await setUp(t);
  const read = ways['as a read'];
  await until(
    () =>
      read(SEEN).then(
        (rows) => rows[0]!.rows === 1,
        () => false,
      ),
    'the replica has the table',
  );
  for (const { text, rows } of changes) {
    for (let n = 0; n < 30; n += 1) await read(SEEN);
    await admin.query(text);
    await until(async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => read(SEEN)));
      return answers.flat().every((row) => row.rows === rows && row.through_function === rows);
    }, `${text} has an effect`);
  }
});
