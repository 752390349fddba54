/** Answers have a limit in bytes, which holds before their bytes are in memory. */
import { until } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import { AnswerBudget, answerKey } from '../../src/connection/answer-budget.ts';
import { AnswerMeter } from '../../src/connection/answer-meter.ts';
import type { Database } from '../../src/database-types.ts';
import type { ConnectionPool } from '../../src/pool/pool.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const MB = 1024 ** 2;
const LONG = "select repeat('x', $1::int) as body, $2::text as n";
const read = (db: Database, bytes: number, sub = 'a', text = LONG) =>
  db.read({ identity: as(sub), statement: { text, params: [bytes, sub] } });

/** Runs `work`, and says by how many MB the process grew at the most meanwhile. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 2);
  await work();
  clearInterval(timer);
  return (Math.max(most, process.memoryUsage.rss()) - before) / MB;
}

t.test('refuses an answer over the limit before it is in memory, on every kind of connection', async (t) => {
  const { db } = await openTestDatabase(t, { answerMaxBytes: 3 * MB });
  const refused = { code: 'DB_ANSWER_BYTES', status: 400, hint: /after=.*text\/csv.*ndjson/ };
  const identity = as('a');
  const rows = { text: "select repeat('x', 1000) as body from generate_series(1, $1::int)", params: [30_000] };
  const ways: Record<string, () => Promise<unknown>> = {
    read: () => read(db, 32 * MB),
    'many rows': () => db.read({ identity, statement: rows }),
    'a query of the service': () => db.pools.admin.query(LONG, [32 * MB, '']),
    'a transaction': () => db.pools.write.transaction((tx) => tx.query(LONG, [32 * MB, '']), { identity }),
    'many statements of one transaction': () =>
      db.pools.write.transaction((tx) => Promise.all([1, 2, 3].map(() => tx.query(LONG, [2 * MB, '']))), { identity }),
    'a message of an error': () => db.read({ identity, statement: { text: "select repeat('x', 32000000)::int" } }),
    'a write that is rolled back': () =>
      db.write({ identity, statements: [{ text: LONG, params: [32 * MB, ''] }], rollback: true }),
  };
  for (const [name, way] of Object.entries(ways)) {
    const grown = await growth(() => t.rejects(way(), refused, name));
    t.ok(grown < 24, `${name}: the process grew by ${grown.toFixed()} MB`);
  }
  const write = db.write({ identity, statements: [{ text: LONG, params: [32 * MB, ''] }] });
  await t.rejects(
    write,
    { code: 'DB_ANSWER_BYTES_WRITE', message: /unknown/ },
    'the error of a write says that it may have happened',
  );
  t.equal((await read(db, 2 * MB)).rows[0]!.body.length, 2 * MB, 'one under the limit is answered');
  await until(() => db.answers.stats().bytes === 0, 'nothing is counted any more');
  t.match(db.answers.stats(), { tooLargeTotal: 8, refusedTotal: 0 });
});

t.test('answers the other reads of a pipeline when one answer is refused', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, answerMaxBytes: MB, pools: { write: { max: 4 } } });
  const { statements } = db.pools.write as ConnectionPool;
  await until(async () => {
    await Promise.all(Array.from({ length: 20 }, () => read(db, 10)));
    return statements.of(LONG).pipelined.count > 50;
  }, 'reads of this text share a connection');
  for (let round = 0; round < 3; round++) {
    const before = statements.of(LONG).pipelined.count;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 24 }, (_, i) => read(db, i === 11 ? 8 * MB : 100_000, `u${i}`)),
    );
    outcomes.forEach((outcome, i) => {
      if (i === 11) t.match(outcome, { status: 'rejected', reason: { code: 'DB_ANSWER_BYTES' } });
      else t.match(outcome, { status: 'fulfilled', value: { rows: [{ n: `u${i}` }] } });
    });
    await until(async () => {
      await read(db, 10);
      return statements.of(LONG).pipelined.count > before;
    }, 'the connection was replaced');
  }
  t.equal(db.answers.stats().bytes, 0);
});

t.test('does not repeat a failing statement on the primary', async (t) => {
  const { db } = await openTestDatabase(t, { answerMaxBytes: MB });
  await until(async () => (await read(db, 1)).source === 'replica', 'the replica answers');
  const before = db.pools.write.stats().acquiredTotal;
  await t.rejects(read(db, 50 * MB), { code: 'DB_ANSWER_BYTES' });
  const raise = (code: string) => `do $$ begin raise sqlstate '${code}'; end $$`;
  for (const code of ['40001', '40P01', '53300', '57P01', '57P03']) {
    await t.rejects(db.read({ identity: as('a'), statement: { text: raise(code) } }), { code });
  }
  t.equal(db.pools.write.stats().acquiredTotal, before, 'the primary was not asked');
  t.equal((await read(db, 1)).source, 'replica', 'and the replica is not suspected');
});

t.test('limits all answers together, and an identity to its share while the total is scarce', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, answerMaxBytes: 8 * MB, answersTotalBytes: 16 * MB });
  const releases = [1, 2].map(() => db.answers.hold(5 * MB, () => answerKey(as('a'))));
  await t.rejects(read(db, MB, 'a'), { code: 'DB_ANSWERS_FULL', status: 503, retryAfter: 1, message: /share/ });
  t.equal((await read(db, 2 * MB, 'b')).rows[0]!.body.length, 2 * MB, 'others have theirs');
  t.equal((await read(db, 10_000, 'a')).rows.length, 1, 'small ones are not counted');
  await t.rejects(read(db, 7 * MB, 'b'), { code: 'DB_ANSWERS_FULL' }, 'the total');
  const many = { ...as('c'), claims: '{"jti":"of another token"}' };
  const client = { key: answerKey(as('a')), isGone: false, onGone: () => () => undefined };
  const asked = db.read({ identity: many, client, statement: { text: LONG, params: [MB, 'a'] } });
  await t.rejects(asked, { code: 'DB_ANSWERS_FULL', message: /share/ }, 'the key of a client goes before its claims');
  t.equal(
    (await read(db, 5 * MB, 'd')).rows.length,
    1,
    'an identity without answers gets one, though it is over the share',
  );
  for (const release of releases) release!();
  releases[0]!();
  t.equal((await read(db, 7 * MB, 'a')).rows[0]!.body.length, 7 * MB, 'alone, one may have more than a share');
  await until(() => db.answers.stats().bytes === 0, 'nothing is counted any more');
  t.equal(db.answers.stats().refusedTotal, 3);
});

t.test('counts messages independently of how the bytes are split', (t) => {
  const message = fc.record({ type: fc.constantFrom('D', 'C', 'Z', 'N'), body: fc.uint8Array({ maxLength: 40_000 }) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), fc.array(fc.nat(5_000), { maxLength: 40 }), (messages, cuts) => {
      const wire = Buffer.concat(
        messages.map(({ type, body }) => {
          const head = Buffer.from(`${type}0000`);
          head.writeUInt32BE(body.length + 4, 1);
          return Buffer.concat([head, body]);
        }),
      );
      const budget = new AnswerBudget(100_000, 1_000_000);
      const answer = { bytes: 0, taken: 0, key: answerKey(as('a')) };
      const meter = new AnswerMeter(budget, answer);
      let refused = false;
      let at = 0;
      for (const cut of [...cuts, wire.length]) {
        const chunk = wire.subarray(at, at + cut);
        at += chunk.length;
        if (chunk.length > 0 && !refused) refused = meter.refusal(chunk) !== undefined;
      }
      const total = messages.reduce((sum, { type, body }) => (type === 'N' ? sum : sum + body.length + 4), 0);
      if (refused !== total > 100_000) return false;
      if (!refused && answer.bytes !== total) return false;
      budget.end(answer);
      return budget.stats().bytes === 0;
    }),
  );
  t.end();
});
