import t from 'tap';
import { type ColumnTypes, compileFilter, equalityKey, equalityKeys, parseQuery } from '../../src/index.ts';
import { refused } from '../refused.ts';

const TYPES: ColumnTypes = {
  ...{
    id: 'int8',
    n: 'int4',
    name: 'text',
    flag: 'bool',
    data: 'jsonb',
    tags: 'text[]',
    at: 'timestamptz',
    cost: 'money',
  },
  code: { type: 'text', collation: 'C' },
  ci: { type: 'text', collation: 'ci', deterministic: false },
};
const compile = (search: string, options = {}) =>
  compileFilter(parseQuery(search.replaceAll('"', '%22')).where, TYPES, options);
const test = (search: string) => {
  const compiled = compile(search);
  if (!compiled.supported) throw new TypeError(JSON.stringify(compiled.problems));
  return compiled.test;
};

t.test("follows SQL's three-valued logic for all inputs", async (t) => {
  const values = { true: { flag: true }, false: { flag: false }, null: { flag: null } };
  const table: [search: string, whenTrue: boolean | null, whenFalse: boolean | null, whenNull: boolean | null][] = [
    ['', true, true, true],
    ['flag=eq.true', true, false, null],
    ['flag=not.eq.true', false, true, null],
    ['flag=neq.true', false, true, null],
    ['flag=isdistinct.true', false, true, true],
    ['flag=not.isdistinct.true', true, false, false],
    ['flag=is.null', false, false, true],
    ['flag=is.not_null', true, true, false],
    ['flag=is.true', true, false, false],
    ['flag=is.false', false, true, false],
    ['flag=is.unknown', false, false, true],
    ['flag=not.is.unknown', true, true, false],
    ['flag=in.()', false, false, false],
    ['flag=not.in.()', true, true, true],
    ['flag=in.(t,f)', true, true, null],
    ['flag=eq(any).{t,NULL}', true, null, null],
    ['flag=eq(all).{t,NULL}', null, false, null],
    ['flag=eq(any).{}', false, false, false],
    ['flag=eq(all).{}', true, true, true],
    ['or=(flag.eq.t,flag.is.null)', true, false, true],
    ['and=(flag.eq.t,flag.is.null)', false, false, null],
    ['not.and=(flag.eq.t,flag.is.null)', true, true, null],
    ['or=(flag.eq.t,flag.in.())', true, false, null],
    ['flag=eq.t&flag=not.is.null', true, false, false],
  ];
  for (const [search, ...expected] of table) {
    const compiled = test(search);
    t.same([compiled(values.true), compiled(values.false), compiled(values.null)], expected, search);
  }
});

t.test('compares numbers exactly', async (t) => {
  t.equal(test('id=eq.9007199254740993')({ id: '9007199254740993' }), true);
  t.equal(test('id=eq.9007199254740993')({ id: '9007199254740992' }), false);
  t.equal(test('id=gt.9007199254740992')({ id: 9007199254740993n }), true);
  t.equal(test('id=eq.7')({ id: 7 }), true);
  t.match(
    refused(() => test('id=eq.7')({ id: 2 ** 53 })),
    { code: 'QUERY_BAD_ROW_VALUE' },
    'has lost digits already',
  );
});

t.test('refuses at compile time what only Postgres can decide, with the reason', async (t) => {
  const table: [search: string, reason: string][] = [
    ['nothing=eq.1', 'unknown-column'],
    ['toString=eq.1', 'unknown-column'],
    ['data->a=eq.1', 'json-path'],
    ['data=eq.{}', 'type'],
    ['data=is.null', 'type'],
    ['tags=eq.{a}', 'type'],
    ['tags=cs.{a}', 'operator'],
    ['cost=gt.1', 'type'],
    ['name=gt.a', 'collation'],
    ['name=ilike.a', 'collation'],
    ['name=imatch.a', 'collation'],
    ['ci=eq.a', 'collation'],
    ['name=fts.a', 'operator'],
    ['name=like.a\\', 'pattern'],
    ['name=match.(a)\\1', 'pattern'],
    ['name=match.(a{200}){200}', 'pattern'],
    ['n=like.1', 'type'],
    ['n=is.true', 'type'],
    ['n=eq.x', 'constant'],
    ['n=eq.2147483648', 'constant'],
    ['n=eq.0x1', 'constant'],
    ['n=in.(1,x)', 'constant'],
    ['n=eq(any).{{1}}', 'constant'],
    ['at=gt.now', 'constant'],
    ['at=gt.2024-01-01', 'constant'],
    ['at=gt.2024-02-30T00:00:00Z', 'constant'],
    ['or=(n.eq.1,and(n.eq.2,name.gt.x))', 'collation'],
  ];
  for (const [search, reason] of table) {
    const compiled = compile(search);
    t.match(compiled, { supported: false, problems: [{ reason, column: /./, message: /./ }] }, search);
  }
  t.match(compile('select=*,rel(*)&rel=is.null'), { supported: false, problems: [{ reason: 'embed' }] });
  t.match(compile('n=eq.x&name=gt.a'), { problems: [{ reason: 'constant' }, { reason: 'collation' }] }, 'all of them');
  t.match(compile('tags=is.null'), { supported: true });
  t.match(compile('code=gt.a&code=ilike.a'), { supported: true, columns: ['code'] });
  t.match(compile('at=gt.2024-01-01', { timeZone: 'UTC' }), { supported: true });
});

t.test('throws for a row with a missing column or a value of another type', async (t) => {
  t.match(
    refused(() => test('n=eq.1')({})),
    { code: 'QUERY_MISSING_COLUMN', message: /'n'/ },
  );
  t.match(
    refused(() => test('n=is.null')({})),
    { code: 'QUERY_MISSING_COLUMN' },
  );
  t.match(
    refused(() => test('n=eq.1')({ n: 'x' })),
    { code: 'QUERY_BAD_ROW_VALUE', message: /'x'.*int4/ },
  );
});

t.test('no pattern takes more than linear time', async (t) => {
  const name = `${'a'.repeat(20_000)}!`;
  const start = performance.now();
  t.equal(test('name=match.^(a%2B)%2B$')({ name }), false);
  t.equal(test('name=match.(a|aa)*b')({ name }), false);
  t.equal(test('name=match.(a*)*(a*)*b')({ name }), false);
  t.equal(test(`name=like.${'*a'.repeat(500)}*b`)({ name }), false);
  t.equal(test(`name=like.${'*_a'.repeat(500)}*b`)({ name }), false);
  t.ok(performance.now() - start < 5_000, `${performance.now() - start} ms`);
});

t.test('equalityKey lists the columns compared with constants, with the shortest list', async (t) => {
  const key = (search: string) => equalityKey(parseQuery(search).where);
  t.same(key('b=eq.1&a=in.(2,3)&c=gt.5'), [
    { column: 'a', values: ['2', '3'] },
    { column: 'b', values: ['1'] },
  ]);
  t.same(key('and=(a.eq.1,and(b.eq.2))'), [
    { column: 'a', values: ['1'] },
    { column: 'b', values: ['2'] },
  ]);
  t.same(key('a=in.(1,2)&a=eq.2'), [{ column: 'a', values: ['2'] }], 'the fewer values');
  t.same(key('a=eq(any).{1,"2,3",NULL}'.replaceAll('"', '%22')), [{ column: 'a', values: ['1', '2,3'] }]);
  for (const search of [
    '',
    'a=not.eq.1',
    'a=neq.1',
    'a=not.in.(1)',
    'or=(a.eq.1,b.eq.1)',
    'not.and=(a.eq.1)',
    'd->>a=eq.1',
    'a=eq(all).{1}',
    'a=is.true',
  ]) {
    t.same(key(search), [], search);
  }
});

t.test('equalityKeys are equal for equal values of a type', async (t) => {
  const keys = equalityKeys('int8')!;
  t.equal(keys.constant(' 007'), keys.value(7));
  t.equal(keys.constant('9007199254740993'), keys.value('9007199254740993'));
  t.not(keys.constant('9007199254740993'), keys.value('9007199254740992'));
  t.same([keys.constant('x'), keys.value(null), keys.value('x')], [null, null, null]);
  t.equal(equalityKeys('jsonb'), null);
});
