import assert from 'node:assert/strict';
import { TidemarkError } from '@tidemark/contracts';
import fc from 'fast-check';
import t from 'tap';
import {
  canonical,
  LIMITS,
  parsePrefer,
  parseQuery,
  parseRange,
  readPairs,
  render,
  selectMediaType,
} from '../src/index.ts';
import { query, text } from './arbitrary.ts';

const withoutPairs = (parsed: object) => ({ ...parsed, pairs: [] });

t.test('a rendered query parses to an equal query', async (t) => {
  fc.assert(
    fc.property(query, (original) => {
      assert.deepEqual(withoutPairs(parseQuery(render(original))), original);
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('the canonical form is stable and ignores the order of parameters', async (t) => {
  fc.assert(
    fc.property(query, fc.infiniteStream(fc.nat()), (original, random) => {
      const text = canonical(original);
      assert.equal(canonical(parseQuery(text)), text, 'canonical of canonical');
      const pieces = render(original)
        .split('&')
        .map((piece) => ({ piece, at: random.next().value as number }));
      const shuffled = pieces.sort((a, b) => a.at - b.at).map(({ piece }) => piece);
      assert.equal(canonical(parseQuery(shuffled.join('&'))), text, 'shuffled');
    }),
    { numRuns: 300 },
  );
  t.pass();
});

const FRAGMENTS = [
  'select=',
  'or=(',
  'and(',
  'not.',
  'id',
  '=',
  '&',
  '(',
  ')',
  ',',
  '.',
  '->',
  '->>',
  '::',
  ':',
  '!',
  'inner',
  '"',
  '\\',
  '{',
  '}',
  'eq.',
  'in.',
  'is.',
  'null',
  'fts(',
  'any',
  '*',
  '...',
  'order=',
  'limit=',
  'count()',
  '%',
  '+',
  ' ',
  '\t',
  '-',
  '0',
  'é',
  '%22',
  '%00',
  '%ff',
  '\ud800',
];

t.test('any text is parsed or rejected with a TidemarkError', async (t) => {
  const attempt = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code === '' || !error.hint) throw error;
    }
  };
  const soup = fc
    .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...FRAGMENTS) }, text), { maxLength: 30 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: 'binary' }), fc.string()), (search) => {
      attempt(() => parseQuery(search));
      attempt(() => parseQuery(search, { target: 'function' }));
      attempt(() => readPairs(search));
      attempt(() => parsePrefer(search));
      attempt(() => parseRange(search, 'items'));
      attempt(() => selectMediaType(search));
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});

t.test(
  'a megabyte is rejected at once, and every text of maximum length is parsed within a time linear in its length',
  async (t) => {
    const timed = (search: string) => {
      const start = performance.now();
      let code = 'ok';
      try {
        parseQuery(search);
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        code = error.code;
      }
      return { code, milliseconds: performance.now() - start };
    };
    const megabyte = timed('a'.repeat(1_000_000));
    t.equal(megabyte.code, 'QUERY_TOO_LONG');
    t.ok(megabyte.milliseconds < 20, `${megabyte.milliseconds} ms`);
    const units = [
      '(',
      ')',
      '"',
      '\\',
      '"\\"',
      '","',
      '{',
      '{}',
      'a,',
      'a.',
      'a->',
      '->',
      '-',
      '->-',
      ' ',
      'not.',
      'and(',
      'a(',
      '%',
      '+',
      '::',
      '!a',
      '"a",',
      '\\",',
      'a"',
    ];
    const heads = [
      '',
      'select=',
      'select=a',
      'or=(',
      'or=(a.eq.',
      'or=(a.in.(',
      'a=in.(',
      'order=',
      'columns=',
      'rel.order=',
      'a=fts(',
      'limit=1',
      'after=',
    ];
    for (const head of heads) {
      for (const unit of units) {
        const search = head + unit.repeat(Math.floor((LIMITS.queryLength - head.length) / unit.length));
        const { milliseconds } = timed(search);
        // A linear parser needs milliseconds, a quadratic one minutes. The bound leaves room for a busy machine.
        t.ok(milliseconds < 500, `${head}${unit}… ${milliseconds.toFixed(1)} ms`);
      }
    }
  },
);
