import { until } from '@tidemark/testing';
import t from 'tap';
import { StatementStatsRegistry } from '../../src/statements/registry.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

t.test('records calls, waits, times and rows by statement, without parameters', async (t) => {
  const { db, events } = await openTestDatabase(t, { slowMs: 150, pools: { write: { max: 2 } } });
  const holder = { route: 'GET /secrets/:id', trace: 'a'.repeat(32) };
  const read = (secret: string) =>
    db.read({
      identity: as('a'),
      statement: { text: 'select $1::text as said, 42 as answer', params: [secret] },
      holder,
    });
  for (let i = 0; i < 40; i++) await read('swordfish');
  const insert = { text: "insert into notes (owner, body) values ('a', $1) returning body", params: ['swordfish'] };
  await db.write({ identity: as('a'), statements: [{ text: "set local lock_timeout = '1s'" }, insert], holder });
  await t.rejects(db.write({ identity: as('a'), statements: [{ text: 'select 1/0 from notes' }] }), {
    code: '22012',
  });
  await db.pools.write.transaction((tx) => tx.query('select pg_sleep(0.2)'), { holder });
  await Promise.all(Array.from({ length: 6 }, () => db.pools.write.query('select pg_sleep(0.05), 1')));

  const figures = db.statements();
  const of = (part: string) => figures.find(({ text }) => text.includes(part))!;
  t.match(of('said'), {
    callsTotal: 40,
    errorsTotal: 0,
    rowsTotal: 40,
    text: 'select $1::text as said, ? as answer',
  });
  t.ok(of('said').bytesTotal >= 40 * 'swordfish'.length);
  t.ok(of('said').p50Ms > 0 && of('said').p50Ms <= of('said').p95Ms && of('said').p95Ms <= of('said').p99Ms);
  t.match(of('insert into notes'), { callsTotal: 1, rowsTotal: 1, bytesTotal: 9 });
  t.match(of('?/?'), { callsTotal: 1, errorsTotal: 1 });
  t.notOk(
    figures.some(({ text }) => text.startsWith('set local')),
    'settings are not recorded',
  );
  const queued = of('pg_sleep(?), ?');
  t.equal(queued.callsTotal, 6);
  t.ok(queued.waitP99Ms > 60, `the last pair waited for two before it: ${queued.waitP99Ms} ms`);
  t.ok(queued.p50Ms > 45 && queued.p50Ms < queued.waitP99Ms + 60, 'waiting is not execution');
  t.same(
    figures.map(({ totalMs }) => totalMs),
    figures.map(({ totalMs }) => totalMs).sort((a, b) => b - a),
  );
  t.equal(db.statements(2).length, 2);

  // On a busy machine others may be slow as well.
  const slow = db.slow().find(({ text }) => text === 'select pg_sleep(?)');
  t.match(slow, { pool: 'write', text: 'select pg_sleep(?)', failed: false, ...holder });
  t.ok(slow!.ms >= 195 && Math.abs(slow!.at - Date.now()) < 60_000);
  t.match(
    events.find((event) => event.type === 'db.slow_statement' && event.text === 'select pg_sleep(?)'),
    { text: 'select pg_sleep(?)', ...holder },
  );
  const recent = db.recent();
  t.ok(recent.length <= 200 && recent.some(({ failed }) => failed));
  t.notMatch(JSON.stringify([figures, db.slow(), recent, events]), 'swordfish');

  db.recordStatements(false);
  await read('nothing');
  t.equal(db.statements().find(({ text }) => text.includes('said'))!.callsTotal, 40);
  db.recordStatements(true);
});

t.test('a leak report has the last statement without its constants', async (t) => {
  const { db, events } = await openTestDatabase(t, { replica: false, pools: { write: { leakThresholdMs: 50 } } });
  let end: (() => void) | undefined;
  const leaking = db.pools.write.transaction(async (tx) => {
    await tx.query("select 'swordfish'");
    await new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  await until(() => events.some(({ type }) => type === 'db.leak'), 'the report');
  t.match(
    events.find(({ type }) => type === 'db.leak'),
    { holder: { statement: 'select ?' }, stack: /statements\.test/ },
  );
  end!();
  await leaking;
});

t.test('bounds statistics in bytes for any texts', async (t) => {
  const registry = new StatementStatsRegistry('test');
  const long = 'x'.repeat(60_000);
  for (let n = 0; n < 2_000; n++)
    registry
      .of(`select ${n}, '${long}'`)
      .record({ where: 'alone', waitMs: 0, ms: 1, rows: 1, at: performance.now(), holder: undefined });
  t.ok(
    registry.bytes <= 16 * 1024 ** 2 && registry.size > 100,
    `${registry.size} statements in ${registry.bytes} bytes`,
  );
  t.ok(registry.evictedTotal > 0);
  const ofLong = registry.of(`select 1, '${long}' as a`);
  t.equal(ofLong, registry.of(`select 1, '${long}' as b`), 'what begins alike for 16 K characters counts as one');
  for (let n = 0; n < 100; n++)
    ofLong.record({ where: 'alone', waitMs: 0, ms: 1, rows: 1, at: performance.now(), holder: undefined });
  t.equal(ofLong.isPipelined(performance.now()), false);
  const small = new StatementStatsRegistry('small');
  for (let n = 0; n < 10_000; n++) small.of(`select ${n}`);
  t.ok(small.bytes <= 16 * 1024 ** 2 && small.size > 500);
});
