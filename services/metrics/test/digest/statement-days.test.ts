import { migrate, openDatabase } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import type { Report } from '../../src/alerts/alert-book.ts';
import type { Statements } from '../../src/collectors/statements/collector.ts';
import { recordDay } from '../../src/digest/statement-days.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const db = await openDatabase({ primaryUrl: database.primaryUrl, applicationName: 'days' });
t.teardown(async () => {
  await db.close();
  await database.drop();
});
const { admin } = db.pools;

t.test('tells once a day which statements are new or twice as slow as in the week before', async (t) => {
  const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
  const add = (ago: number, shape: string, calls: number, totalMs: number) =>
    admin.query('insert into tidemark.statement_days values ($1, $2, $3, $4, $5)', [
      day(ago),
      shape,
      `select ${shape}`,
      calls,
      totalMs,
    ]);
  await add(1, 'fresh', 10, 20_000);
  const told: Report[] = [];
  const ran = (own: boolean, shape: string, calls: number, totalMs: number) => ({
    own,
    shape,
    text: `select ${shape}`,
    calls,
    totalMs,
  });
  const statements = {
    within: () => ({ statements: [ran(false, 'a', 2, 5), ran(false, 'a', 3, 7), ran(true, 'own', 9, 9)] }),
  };
  const options = {
    pool: () => admin,
    statements: () => statements as unknown as Statements,
    isLeader: () => true,
    book: { report: (report: Report) => void told.push(report) },
    observe: () => undefined,
  };
  await recordDay(options, Date.now());
  t.same(told, [], 'without two days before, everything would be new');
  for (const ago of [2, 3]) {
    await add(ago, 'worse', 1_000, 10_000);
    await add(ago, 'same', 1_000, 10_000);
  }
  await add(1, 'worse', 1_000, 25_000);
  await add(1, 'same', 2_000, 22_000);
  await add(1, 'rare', 1, 50);
  await add(40, 'old', 1, 1);
  await recordDay(options, Date.now());
  t.match(told, [
    { key: `statements digest ${day(1)}`, severity: 'info', message: /^1 statements are new and 1 got slower/ },
  ]);
  t.match(
    told[0]?.message,
    'slower: 1000 calls of 25.0 ms, before 10.0 ms: select worse; new: 10 calls of 2000.0 ms: select fresh',
  );
  await admin.query(
    `insert into tidemark.alerts (id, key, rule, severity, subject, message, hint, started_at)
     values (gen_random_uuid(), $1, 'x', 'info', '', '', '', now())`,
    [`statements digest ${day(1)}`],
  );
  await recordDay(options, Date.now());
  t.equal(told.length, 1, 'nor again after a restart');
  const rows = await admin.query(
    'select shape, calls, total_ms from tidemark.statement_days where day = $1 or shape = $2',
    [day(0), 'old'],
  );
  t.same(
    [...rows],
    [{ shape: 'a', calls: 15, total_ms: 36 }],
    'three quarters of an hour; our own and old ones are not kept',
  );
});
