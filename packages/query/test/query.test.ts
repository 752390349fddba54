/** Groups, order, pages, embedded levels and calls of functions. */
import t from 'tap';
import { type Embed, parseQuery } from '../src/index.ts';
import { refused } from './refused.ts';

const eq = (name: string, value: string) => ({
  kind: 'compare',
  field: { name, json: [] },
  negate: false,
  op: 'eq',
  quantifier: null,
  value,
});
const enc = encodeURIComponent;

t.test('parses and, or and not groups', async (t) => {
  const group = (kind: string, negate: boolean, ...conditions: object[]) => ({ kind, negate, conditions });
  const table: [search: string, where: object[]][] = [
    ['and=(a.eq.1,b.eq.2)', [group('and', false, eq('a', '1'), eq('b', '2'))]],
    ['not.or=(a.eq.1)', [group('or', true, eq('a', '1'))]],
    ['or=( a.eq.1 , b.eq.2 )', [group('or', false, eq('a', '1 '), eq('b', '2 '))]],
    [
      'or=(a.eq.1,and(b.eq.2,not.or(c.eq.3,d.eq.4)))',
      [
        group(
          'or',
          false,
          eq('a', '1'),
          group('and', false, eq('b', '2'), group('or', true, eq('c', '3'), eq('d', '4'))),
        ),
      ],
    ],
    ['or=(a.eq."x,y)",b.eq."q\\"")', [group('or', false, eq('a', 'x,y)'), eq('b', 'q"'))]],
    ['or=(a.eq.{1,2},b.eq.)', [group('or', false, eq('a', '{1,2}'), eq('b', ''))]],
    ['or=(a.eq."x"y,b.eq."z)', [group('or', false, eq('a', '"x"y'), eq('b', '"z'))]],
    ['or=(and.eq.1,or.eq.2,not.eq.3)', [group('or', false, eq('and', '1'), eq('or', '2'), eq('not', '3'))]],
    ['or=("and".eq.1,"a.b".eq.2)', [group('or', false, eq('and', '1'), eq('a.b', '2'))]],
    ['or=(a.eq.1)&or=(a.eq.2)', [group('or', false, eq('a', '1')), group('or', false, eq('a', '2'))]],
  ];
  for (const [search, where] of table) t.same(parseQuery(search.replaceAll('"', '%22')).where, where, search);

  const bad: [value: string, column: number, details: string][] = [
    [
      '()',
      4,
      'unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)',
    ],
    ['', 3, 'unexpected end of input expecting "("'],
    [')(', 3, 'unexpected ")" expecting "("'],
    ['(id.in.1,2,id.eq.3)', 10, 'unexpected "1" expecting "("'],
    ['(a.eq.1', 10, 'unexpected end of input expecting "," or ")"'],
    ['(a.eq.1)x', 11, 'unexpected "x" expecting end of input'],
    ['(a.eq.{{1}})x', 15, 'unexpected "x" expecting end of input'],
    ['(and)', 7, 'unexpected ")" expecting "("'],
    ['(rel.a.eq.1)', 8, 'unexpected "a" expecting "not" or operator (eq, gt, ...)'],
  ];
  for (const [value, at, details] of bad) {
    const error = refused(() => parseQuery(`or=${enc(value)}`));
    t.match(error, { code: 'PGRST100', details, hint: /or=\(/ }, value);
    t.equal(error.message, `"failed to parse logic tree (${value})" (line 1, column ${at})`);
  }
});

t.test('parses order', async (t) => {
  const term = (name: string, more: object = {}) => ({
    field: { name, json: [] },
    related: null,
    direction: null,
    nulls: null,
    ...more,
  });
  const table: [order: string, terms: object[]][] = [
    ['id', [term('id')]],
    ['id.asc', [term('id', { direction: 'asc' })]],
    [
      'id.desc.nullslast,b.nullsfirst',
      [term('id', { direction: 'desc', nulls: 'last' }), term('b', { nulls: 'first' })],
    ],
    [' a , b.desc ', [term('a'), term('b', { direction: 'desc' })]],
    ['"a.b".desc', [term('a.b', { direction: 'desc' })]],
    [
      'data->>x.asc',
      [term('data', { field: { name: 'data', json: [{ arrow: '->>', kind: 'key', key: 'x' }] }, direction: 'asc' })],
    ],
    [
      'data->0.desc',
      [term('data', { field: { name: 'data', json: [{ arrow: '->', kind: 'index', index: 0 }] }, direction: 'desc' })],
    ],
    ['rel(name).desc.nullsfirst,id', [term('name', { related: 'rel', direction: 'desc', nulls: 'first' }), term('id')]],
    [
      'rel(data->0).desc',
      [
        term('data', {
          field: { name: 'data', json: [{ arrow: '->', kind: 'index', index: 0 }] },
          related: 'rel',
          direction: 'desc',
        }),
      ],
    ],
  ];
  for (const [order, terms] of table) t.same(parseQuery(`select=*,rel(*)&order=${enc(order)}`).order, terms, order);

  const bad: [order: string, column: number, details: string][] = [
    ['', 1, 'unexpected end of input expecting field name (* or [a..z0..9_$])'],
    ['id.ac', 4, 'unexpected "a" expecting "asc", "desc", "nullsfirst" or "nullslast"'],
    ['id.asc.nlsfst', 8, 'unexpected "n" expecting "nullsfirst" or "nullslast"'],
    ['id.asc.nullslast.x', 17, 'unexpected "." expecting "," or end of input'],
    ['clients(name,id)', 13, 'unexpected "," expecting ")"'],
  ];
  for (const [order, at, details] of bad) {
    const error = refused(() => parseQuery(`order=${enc(order)}`));
    t.match(error, { code: 'PGRST100', details }, order);
    t.equal(error.message, `"failed to parse order (${order})" (line 1, column ${at})`);
  }
  t.match(
    refused(() => parseQuery('order=rel(name)')),
    {
      code: 'PGRST108',
      message: "'rel' is not an embedded resource in this request",
    },
  );
});

t.test('puts the parameters of embedded tables on their level', async (t) => {
  const query = parseQuery(
    'select=id,rel(a,sub(*)),x:other(*),...sp(q)&rel.a=eq.1&rel.sub.b=eq.2&rel.or=(a.eq.3)&rel.not.and=(a.eq.4)&not.rel.or=(a.eq.5)' +
      '&rel.order=a.desc&rel.limit=5&rel.sub.offset=3&x.c=eq.6&other.d=eq.7&sp.q=eq.8&limit=9&offset=10',
  );
  const [, rel, other, spread] = query.select as Embed[];
  t.same(rel!.where, [
    eq('a', '1'),
    { kind: 'or', negate: false, conditions: [eq('a', '3')] },
    { kind: 'and', negate: true, conditions: [eq('a', '4')] },
    { kind: 'or', negate: true, conditions: [eq('a', '5')] },
  ]);
  t.match(rel, { order: [{ field: { name: 'a' }, direction: 'desc' }], limit: 5, offset: 0 });
  t.match(rel!.select[1], { where: [eq('b', '2')], offset: 3, limit: null });
  t.same(other!.where, [eq('c', '6'), eq('d', '7')], 'by alias and by name');
  t.same(spread!.where, [eq('q', '8')]);
  t.match(query, { limit: 9, offset: 10, where: [] });
  for (const search of [
    'rel.a=eq.1',
    'rel.order=a',
    'rel.limit=1',
    'rel.or=(a.eq.1)',
    'select=rel(*)&rel.sub.a=eq.1',
  ]) {
    t.match(
      refused(() => parseQuery(search)),
      { code: 'PGRST108', status: 400, hint: /'select' query parameter/ },
      search,
    );
  }
});

t.test('parses the null test of an embedded table', async (t) => {
  const where = (search: string) => parseQuery(`select=*,rel(*),x:other(*)&${search}`).where;
  t.same(where('rel=is.null'), [{ kind: 'embed-null', embed: 'rel', negate: false }]);
  t.same(where('rel=not.is.null'), [{ kind: 'embed-null', embed: 'rel', negate: true }]);
  t.same(where('rel=is.not_null'), [{ kind: 'embed-null', embed: 'rel', negate: true }]);
  t.same(where('or=(x.not.is.null,id.eq.1)'), [
    { kind: 'or', negate: false, conditions: [{ kind: 'embed-null', embed: 'x', negate: true }, eq('id', '1')] },
  ]);
  t.match(where('other=is.null'), [{ kind: 'is' }], 'an alias hides the name');
  t.match(where('rel=eq.1'), [{ kind: 'compare' }], 'a column may have the name of the embed');
});

t.test('parses limit, offset, columns, on_conflict and cursors', async (t) => {
  t.match(parseQuery('columns=a,"b,c", d,a&on_conflict=id,e'.replaceAll('"', '%22')), {
    columns: ['a', 'b,c', 'd'],
    onConflict: ['id', 'e'],
  });
  t.match(parseQuery('after=eyJpZCI6MX0&tidemark=e1-00000000016B3748'), {
    after: 'eyJpZCI6MX0',
    tidemark: 'e1-00000000016B3748',
  });
  t.match(parseQuery('after=gt.5').where, [{ op: 'gt', field: { name: 'after' } }], 'a column of that name');
  t.match(
    refused(() => parseQuery('after=a/b')),
    { code: 'QUERY_BAD_CURSOR', hint: /Link header/ },
  );
  t.match(
    refused(() => parseQuery('limit=-1')),
    {
      code: 'PGRST103',
      status: 416,
      message: 'Requested range not satisfiable',
      details: 'Limit should be greater than or equal to zero.',
    },
  );
  t.match(
    refused(() => parseQuery('offset=99999999999999999999')),
    { code: 'PGRST103' },
  );
  t.match(
    refused(() => parseQuery('limit=ten')),
    { code: 'PGRST100', details: 'unexpected "t" expecting digit' },
  );
  t.match(
    refused(() => parseQuery('columns=a,,b')),
    { code: 'PGRST100' },
  );
  t.equal(parseQuery('limit=0').limit, 0);
});

t.test('accepts a repeated parameter with the same value only', async (t) => {
  t.equal(parseQuery('limit=5&limit=5').limit, 5);
  for (const key of ['select', 'order', 'limit', 'offset', 'columns', 'on_conflict', 'after']) {
    t.match(
      refused(() => parseQuery(`${key}=1&${key}=2`)),
      { code: 'QUERY_DUPLICATE', hint: new RegExp(`'${key}' once`) },
      key,
    );
  }
});

t.test('distinguishes arguments and filters in calls of functions', async (t) => {
  const search = 'a=1&b=eq.2&v=1&v=2&limit=3&after=7';
  const unknown = parseQuery(search, { target: 'function' });
  t.same(
    unknown.args,
    [
      ['a', '1'],
      ['b', 'eq.2'],
      ['v', '1'],
      ['v', '2'],
      ['after', '7'],
    ],
    'all possible arguments',
  );
  t.same(unknown.where, [eq('b', '2')], 'all possible filters');
  t.equal(unknown.limit, 3);
  const known = parseQuery(unknown.pairs, { target: 'function', argumentNames: new Set(['a', 'b', 'v', 'after']) });
  t.same(known.args, [
    ['a', '1'],
    ['b', 'eq.2'],
    ['v', '1'],
    ['v', '2'],
    ['after', '7'],
  ]);
  t.same(known.where, []);
  t.equal(known.after, null);
  t.match(
    refused(() => parseQuery(unknown.pairs, { target: 'function', argumentNames: new Set(['v']) })),
    { code: 'PGRST100', message: /failed to parse filter \(1\)/ },
    'a pair that is not an argument must be a filter',
  );
});

t.test('freezes the query deeply', async (t) => {
  const query = parseQuery('select=a->b,rel(x)&c=in.(1,2)&or=(a.eq.1)&rel.order=y&columns=a');
  const check = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    t.ok(Object.isFrozen(value));
    Object.values(value).forEach(check);
  };
  check(query);
});
