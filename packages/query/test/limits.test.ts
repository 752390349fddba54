/** Limits of a query string, and text that Postgres cannot store. */
import t from 'tap';
import { LIMITS, parseQuery } from '../src/index.ts';
import { refused } from './refused.ts';

t.test('rejects NUL, invalid UTF-8 and lone surrogates', async (t) => {
  for (const search of ['c=eq.%00', 'c=eq.%ff', 'c=eq.%c3%28', 'c=eq.\ud800', '%00=eq.1']) {
    t.match(
      refused(() => parseQuery(search)),
      { code: 'QUERY_BAD_TEXT', status: 400 },
      JSON.stringify(search),
    );
  }
});

t.test('accepts a query at each limit and rejects one above it', async (t) => {
  const deep = (n: number) => `${'a('.repeat(n)}id${')'.repeat(n)}`;
  const nested = (n: number) => `${'and('.repeat(n)}a.eq.1${')'.repeat(n)}`;
  const many = (n: number, text: string) => Array(n).fill(text).join(',');
  const table: [limit: keyof typeof LIMITS, fits: string, exceeds: string][] = [
    ['pairs', 'order=a&'.repeat(LIMITS.pairs), 'order=a&'.repeat(LIMITS.pairs + 1)],
    ['conditions', 'a=eq.1&'.repeat(LIMITS.conditions), 'a=eq.1&'.repeat(LIMITS.conditions + 1)],
    ['conditions', `or=(${many(LIMITS.conditions - 1, 'a.eq.1')})`, `or=(${many(LIMITS.conditions, 'a.eq.1')})`],
    ['logicDepth', `or=(${nested(LIMITS.logicDepth - 1)})`, `or=(${nested(LIMITS.logicDepth)})`],
    ['embedDepth', `select=${deep(LIMITS.embedDepth)}`, `select=${deep(LIMITS.embedDepth + 1)}`],
    ['selectNodes', `select=${many(LIMITS.selectNodes, 'a')}`, `select=${many(LIMITS.selectNodes + 1, 'a')}`],
    ['inValues', `a=in.(${many(LIMITS.inValues, '1')})`, `a=in.(${many(LIMITS.inValues + 1, '1')})`],
    ['listItems', `order=${many(LIMITS.listItems, 'a')}`, `order=${many(LIMITS.listItems + 1, 'a')}`],
    ['jsonSteps', `select=a${'->b'.repeat(LIMITS.jsonSteps)}`, `select=a${'->b'.repeat(LIMITS.jsonSteps + 1)}`],
  ];
  for (const [limit, fits, exceeds] of table) {
    t.ok(parseQuery(fits), limit);
    const error = refused(() => parseQuery(exceeds));
    t.match(error, { code: 'QUERY_TOO_COMPLEX', status: 400, hint: /./ }, limit);
    t.match(error.message, String(LIMITS[limit]));
  }
  t.match(
    refused(() => parseQuery(`a=eq.${'x'.repeat(LIMITS.queryLength)}`)),
    { code: 'QUERY_TOO_LONG', status: 414 },
  );
  t.match(
    refused(() => parseQuery('a=eq.12345', { limits: { ...LIMITS, queryLength: 9 } })),
    { code: 'QUERY_TOO_LONG' },
  );
});
