/** Prepared transactions are off in a default server, so this test has a server of its own. */
import { migrate, openDatabase } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { readLocks } from '../../src/collectors/postgres-locks.ts';

const stack = await startTemporaryStack({
  nats: false,
  replica: false,
  postgresSettings: { max_prepared_transactions: 2 },
});
const primaryUrl = stack.primary.url;
await migrate(primaryUrl);
const db = await openDatabase({ primaryUrl, applicationName: 'locks' });
const { admin } = db.pools;
const connect = (application: string) =>
  postgres(primaryUrl, { max: 1, onnotice: () => {}, connection: { application_name: application } });
const coordinator = connect('coordinator');
const reader = connect('reader');
const writer = connect('writer');
t.teardown(async () => {
  await Promise.all([coordinator, reader, writer].map((sql) => sql.end({ timeout: 1 })));
  await db.close();
  await stack.stop();
});

t.test('finds a prepared transaction, which has no session, by its name', async (t) => {
  await admin.query('create table held (id int primary key, n int)');
  await admin.query('insert into held values (3, 0)');
  await coordinator.unsafe("begin; delete from held; prepare transaction 'it''s prepared'").simple();
  const waiting = [
    reader.unsafe('begin; lock table held in share mode; rollback').simple(),
    writer.unsafe('update held set n = 9 where id = 3').simple(),
  ];
  for (const one of waiting) one.catch(() => {});
  const [root] = await until(async () => {
    const roots = await readLocks(admin, {});
    return roots[0]?.waiters.length === 2 ? roots : undefined;
  }, 'both wait for it');
  t.match(root, {
    session: null,
    prepared: { gid: "it's prepared", held: [{ mode: 'RowExclusiveLock', relation: 'public.held' }] },
  });
  t.same(root?.waiters.map(({ application }) => application).sort(), ['reader', 'writer']);
  await admin.query("rollback prepared 'it''s prepared'");
  await Promise.all(waiting);
  t.same(await readLocks(admin, {}), []);
});
