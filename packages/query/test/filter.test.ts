import t from 'tap';
import type { Condition, Filter } from '../src/ast.ts';
import { parseQuery } from '../src/index.ts';
import { refused } from './refused.ts';

const field = { name: 'c', json: [] };
const compare = (op: string, value: string, more: object = {}) =>
  ({ kind: 'compare', field, negate: false, op, quantifier: null, value, ...more }) as Filter;
const one = (search: string) => {
  const { where } = parseQuery(search);
  t.equal(where.length, 1, search);
  return where[0] as Condition;
};
const enc = encodeURIComponent;

t.test('parses every operator plain, negated and inside a group', async (t) => {
  const operators = 'eq neq gt gte lt lte like ilike match imatch isdistinct cs cd ov sl sr nxr nxl adj'.split(' ');
  for (const op of operators) {
    t.same(one(`c=${op}.v`), compare(op, 'v'), op);
    t.same(one(`c=not.${op}.v`), compare(op, 'v', { negate: true }), `not.${op}`);
    t.same(one(`or=(c.${op}.v)`), { kind: 'or', negate: false, conditions: [compare(op, 'v')] }, `or ${op}`);
  }
  for (const op of ['eq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch']) {
    t.same(one(`c=${op}(any).{a,b}`), compare(op, '{a,b}', { quantifier: 'any' }), `${op}(any)`);
    t.same(one(`c=not.${op}(all).{a,b}`), compare(op, '{a,b}', { quantifier: 'all', negate: true }), `${op}(all)`);
  }
  for (const op of ['fts', 'plfts', 'phfts', 'wfts']) {
    const fts = { kind: 'fts', field, negate: false, op, language: null, value: 'a b' };
    t.same(one(`c=${op}.a+b`), fts, op);
    t.same(one(`c=not.${op}(english).a+b`), { ...fts, negate: true, language: 'english' }, `${op}(english)`);
  }
  for (const value of ['null', 'not_null', 'true', 'false', 'unknown'] as const) {
    t.same(one(`c=is.${value}`), { kind: 'is', field, negate: false, value }, value);
    t.same(one(`c=not.is.${value.toUpperCase()}`), { kind: 'is', field, negate: true, value }, `not ${value}`);
  }
});

t.test('the value of a parameter extends to its end', async (t) => {
  const values = [
    '',
    'a,b',
    '(x)',
    '"q"',
    'a.b',
    '{1,2}',
    '[1,3)',
    'eq.1',
    'ä€𝄞',
    ' ',
    '1 & 2',
    '50%',
    'a=b',
    '?',
    '#',
  ];
  for (const value of values) t.same(one(`c=eq.${enc(value)}`), compare('eq', value), value);
  t.same(one('c=eq.a+b%2Bc'), compare('eq', 'a b+c'), 'plus is a space, %2B a plus');
  t.same(one('c=like.50%'), compare('like', '50%'), 'a percent sign that escapes nothing');
  t.same(one('c=like.50%zz%2'), compare('like', '50%zz%2'));
});

t.test('parses in lists with quotes and escapes', async (t) => {
  const table: [list: string, values: string[]][] = [
    ['(1)', ['1']],
    ['(a,b)', ['a', 'b']],
    ['(a,"b,c",d)', ['a', 'b,c', 'd']],
    ['("x\\"y","p\\\\q")', ['x"y', 'p\\q']],
    ['("a)b","(")', ['a)b', '(']],
    ['()', []],
    ['("")', ['']],
    ['(,)', ['', '']],
    ['(a,)', ['a', '']],
    ['(a b, c)', ['a b', ' c']],
    ['("a"b,c)', ['"a"b', 'c']],
    ['(")', ['"']],
    [' (a) ', ['a']],
  ];
  for (const [list, values] of table) {
    t.same(one(`c=in.${enc(list)}`), { kind: 'in', field, negate: false, values }, list);
    t.same(one(`or=(c.not.in.${enc(list)})`), {
      kind: 'or',
      negate: false,
      conditions: [{ kind: 'in', field, negate: true, values }],
    });
  }
});

t.test('parses JSON paths and quoted names', async (t) => {
  const table: [key: string, name: string, json: object[]][] = [
    ['data->>a', 'data', [{ arrow: '->>', kind: 'key', key: 'a' }]],
    [
      'data->a->0',
      'data',
      [
        { arrow: '->', kind: 'key', key: 'a' },
        { arrow: '->', kind: 'index', index: 0 },
      ],
    ],
    ['"a.b"', 'a.b', []],
    ['"a.b"->>"c.d"', 'a.b', [{ arrow: '->>', kind: 'key', key: 'c.d' }]],
    ['"select"', 'select', []],
    ['"or"', 'or', []],
    ['"limit"', 'limit', []],
    ['"x.order"', 'x.order', []],
    ['after', 'after', []],
    ['tidemark', 'tidemark', []],
    ['Straße 1', 'Straße 1', []],
  ];
  for (const [key, name, json] of table) {
    t.same(one(`${enc(key)}=eq.1`), compare('eq', '1', { field: { name, json } }), key);
  }
});

t.test('accepts several filters on the same column', async (t) => {
  t.same(parseQuery('c=gt.1&c=lt.5').where, [compare('gt', '1'), compare('lt', '5')]);
});

t.test('rejects malformed filters at the right column', async (t) => {
  const operator = 'operator (eq, gt, ...)';
  const bad: [value: string, column: number, details: string][] = [
    ['foo', 1, `unexpected "f" expecting "not" or ${operator}`],
    ['', 1, `unexpected end of input expecting "not" or ${operator}`],
    ['noop.0', 1, `unexpected "n" expecting "not" or ${operator}`],
    ['not.foo.1', 5, `unexpected "f" expecting ${operator}`],
    ['not.not.eq.1', 5, `unexpected "n" expecting ${operator}`],
    ['eq', 3, 'unexpected end of input expecting delimiter (.)'],
    ['eq().1', 4, `unexpected ")" expecting ${operator}`],
    ['eq(some).1', 4, `unexpected "s" expecting ${operator}`],
    ['neq(any).1', 4, `unexpected "(" expecting ${operator}`],
    ['is().null', 3, `unexpected "(" expecting ${operator}`],
    ['in().1', 3, `unexpected "(" expecting ${operator}`],
    ['fts().x', 5, `unexpected ")" expecting ${operator}`],
    ['in.1,2', 4, 'unexpected "1" expecting "("'],
    ['in.(1,2', 8, 'unexpected end of input expecting "," or ")"'],
    ['in.(1)x', 7, 'unexpected "x" expecting end of input'],
    ['is.nul', 4, 'unexpected "n" expecting isVal: (null, not_null, true, false, unknown)'],
    ['is.nullx', 4, 'unexpected "n" expecting isVal: (null, not_null, true, false, unknown)'],
    ['in.(a\n', 7, 'unexpected end of input expecting "," or ")"'],
  ];
  for (const [value, at, details] of bad) {
    const error = refused(() => parseQuery(`c=${enc(value)}`));
    const where = value.includes('\n') ? '(line 2, column 1)' : `(line 1, column ${at})`;
    t.match(error, { code: 'PGRST100', status: 400, details, hint: /column=operator.value/ }, value);
    t.equal(error.message, `"failed to parse filter (${value})" ${where}`);
  }
  t.match(
    refused(() => parseQuery('c!x=eq.1')),
    {
      code: 'PGRST100',
      message: '"failed to parse tree path (c!x)" (line 1, column 2)',
    },
  );
});
