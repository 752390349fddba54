import t from 'tap';
import { defineErrors, row, TidemarkError, toProblem } from '../src/index.ts';

const errors = defineErrors('TEST', {
  FULL: row<{ pool: string; waiting: number }>({
    status: 503,
    message: (p) => `pool ${p.pool} is full (${p.waiting} waiting)`,
    hint: 'Wait.',
    retryAfter: 2,
  }),
  PLAIN: row({ status: 418, message: 'short' }),
});

t.test('an error has a code with its prefix, the received values, a hint, and its cause', async (t) => {
  const cause = new TypeError('below');
  const error = errors.FULL({ pool: 'read', waiting: 3 }, { cause });
  t.ok(error instanceof TidemarkError);
  t.match(error, {
    code: 'TEST_FULL',
    status: 503,
    message: 'pool read is full (3 waiting)',
    hint: 'Wait.',
    retryAfter: 2,
  });
  t.equal(error.cause, cause);
});

t.test('toProblem() returns the fields of RFC 9457 and of PostgREST', async (t) => {
  t.same(toProblem(errors.PLAIN()), {
    type: 'urn:tidemark:error:TEST_PLAIN',
    title: 'Error',
    status: 418,
    code: 'TEST_PLAIN',
    message: 'short',
    details: null,
    hint: null,
  });
});
