import { until } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import type { ConnectionPool } from '../../src/pool/pool.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

/** Echoes a parameter under an identity; fails for the divisor 0. */
const ECHO = `select current_setting('request.jwt.claims')::json ->> 'sub' as sub, $1::text as text, 1 / $2::int as one,
  (select count(*)::int from generate_series(1, $3::int)) as n`;

t.test('every read has its own answer, whatever is sent in the same turn (real server)', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8 } } });
  const read = (sub: string, text: string | null, divisor: number, sessionSafe: boolean) =>
    db.read({ identity: as(sub), statement: { text: ECHO, params: [text, divisor, 2], sessionSafe } });
  const { pipelined } = (db.pools.write as ConnectionPool).statements.of(ECHO);
  await until(async () => (await read('a', '', 1, true)).rows.length === 1 && pipelined.count > 70, 'it is pipelined');
  const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 300 }).map((value) => value.replaceAll('\0', '')));
  const request = fc.record({
    sub: fc.constantFrom('ada', 'bob', 'cyd'),
    text,
    divisor: fc.constantFrom(1, 1, 1, 1, 0),
    sessionSafe: fc.boolean(),
  });
  const property = fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 40 }), async (requests) => {
    const answers = await Promise.allSettled(
      requests.map(({ sub, text, divisor, sessionSafe }) => read(sub, text, divisor, sessionSafe)),
    );
    t.strictSame(
      answers.map((answer) => (answer.status === 'rejected' ? answer.reason.code : { ...answer.value.rows[0] })),
      requests.map(({ sub, text, divisor }) => (divisor === 0 ? '22012' : { sub, text, one: 1, n: 2 })),
    );
  });
  const before = pipelined.count;
  await fc.assert(property, { numRuns: 40 });
  t.ok(pipelined.count > before, 'the reads were pipelined');
});

t.test('an empty statement is answered with no rows, on a pipeline as well', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 8 } } });
  const text = '-- nothing';
  const { pipelined } = (db.pools.write as ConnectionPool).statements.of(text);
  const read = async () => (await db.read({ identity: as('a'), statement: { text } })).rows.length;
  await until(async () => (await read()) === 0 && pipelined.count > 0, 'it is pipelined');
});
