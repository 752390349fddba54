import t from 'tap';
import type { Embed, SelectColumn, SelectNode } from '../src/ast.ts';
import { parseQuery } from '../src/index.ts';
import { refused } from './refused.ts';

const column = (name: string, more: Partial<SelectColumn> = {}): SelectColumn => ({
  kind: 'column',
  field: { name, json: [] },
  alias: null,
  cast: null,
  aggregate: null,
  aggregateCast: null,
  ...more,
});
const embed = (name: string, select: SelectNode[], more: Partial<Embed> = {}): Embed => ({
  kind: 'embed',
  name,
  alias: null,
  hint: null,
  join: null,
  spread: false,
  select,
  where: [],
  order: [],
  limit: null,
  offset: 0,
  ...more,
});
const star: SelectNode = { kind: 'star' };

const table: [select: string, nodes: SelectNode[]][] = [
  ['*', [star]],
  ['', []],
  ['id,name', [column('id'), column('name')]],
  [' id , name ', [column('id'), column('name')]],
  ['first name,über,a-b,$x', [column('first name'), column('über'), column('a-b'), column('$x')]],
  ['"a,b","x\\"y\\\\"', [column('a,b'), column('x"y\\')]],
  ['full:name', [column('name', { alias: 'full' })]],
  ['"my alias":"my col"', [column('my col', { alias: 'my alias' })]],
  ['id::text', [column('id', { cast: 'text' })]],
  ['a:x::double precision', [column('x', { alias: 'a', cast: 'double precision' })]],
  [
    'data->a->>b::int',
    [
      column('data', {
        field: {
          name: 'data',
          json: [
            { arrow: '->', kind: 'key', key: 'a' },
            { arrow: '->>', kind: 'key', key: 'b' },
          ],
        },
        cast: 'int',
      }),
    ],
  ],
  [
    'data->0,data->>-1,data->0a,data->"0"',
    [
      column('data', { field: { name: 'data', json: [{ arrow: '->', kind: 'index', index: 0 }] } }),
      column('data', { field: { name: 'data', json: [{ arrow: '->>', kind: 'index', index: -1 }] } }),
      column('data', { field: { name: 'data', json: [{ arrow: '->', kind: 'key', key: '0a' }] } }),
      column('data', { field: { name: 'data', json: [{ arrow: '->', kind: 'key', key: '0' }] } }),
    ],
  ],
  [
    'a-b->c-d->>e',
    [
      column('a-b', {
        field: {
          name: 'a-b',
          json: [
            { arrow: '->', kind: 'key', key: 'c-d' },
            { arrow: '->>', kind: 'key', key: 'e' },
          ],
        },
      }),
    ],
  ],
  ['amount.sum()', [column('amount', { aggregate: 'sum' })]],
  [
    'x.avg(),x.min(),x.max(),x.count()',
    [
      column('x', { aggregate: 'avg' }),
      column('x', { aggregate: 'min' }),
      column('x', { aggregate: 'max' }),
      column('x', { aggregate: 'count' }),
    ],
  ],
  [
    't:amount::numeric.sum()::text',
    [column('amount', { alias: 't', cast: 'numeric', aggregate: 'sum', aggregateCast: 'text' })],
  ],
  [
    'data->n.sum()',
    [column('data', { field: { name: 'data', json: [{ arrow: '->', kind: 'key', key: 'n' }] }, aggregate: 'sum' })],
  ],
  ['count()', [{ kind: 'count', alias: null, cast: null }]],
  ['n:count()::text', [{ kind: 'count', alias: 'n', cast: 'text' }]],
  ['count', [column('count')]],
  ['"count"()', [embed('count', [])]],
  ['rel(*)', [embed('rel', [star])]],
  ['rel()', [embed('rel', [])]],
  [
    'rel(data->0)',
    [embed('rel', [column('data', { field: { name: 'data', json: [{ arrow: '->', kind: 'index', index: 0 }] } })])],
  ],
  ['a:rel(id)', [embed('rel', [column('id')], { alias: 'a' })]],
  ['rel!fk(id)', [embed('rel', [column('id')], { hint: 'fk' })]],
  ['rel!inner(id)', [embed('rel', [column('id')], { join: 'inner' })]],
  ['rel!left(id)', [embed('rel', [column('id')], { join: 'left' })]],
  ['a:rel!fk!inner(id)', [embed('rel', [column('id')], { alias: 'a', hint: 'fk', join: 'inner' })]],
  ['a:rel!inner!fk(id)', [embed('rel', [column('id')], { alias: 'a', hint: 'fk', join: 'inner' })]],
  ['rel!"inner"(id)', [embed('rel', [column('id')], { hint: 'inner' })]],
  ['...rel(id)', [embed('rel', [column('id')], { spread: true })]],
  ['...rel!fk!left(id)', [embed('rel', [column('id')], { spread: true, hint: 'fk', join: 'left' })]],
  ['a(b(c(d(id))))', [embed('a', [embed('b', [embed('c', [embed('d', [column('id')])])])])]],
  ['id,a(x,b(y)),z', [column('id'), embed('a', [column('x'), embed('b', [column('y')])]), column('z')]],
];

t.test('parses every form of select', async (t) => {
  for (const [select, nodes] of table) {
    t.same(parseQuery(`select=${encodeURIComponent(select)}`).select, nodes, select);
  }
  t.same(parseQuery('').select, [star], 'without select: everything');
});

t.test('rejects malformed select lists at the right column', async (t) => {
  const bad: [select: string, column: number, details: string][] = [
    ['id,', 4, 'unexpected end of input expecting field name (* or [a..z0..9_$])'],
    [':', 1, 'unexpected ":" expecting field name (* or [a..z0..9_$])'],
    ['name::', 7, 'unexpected end of input expecting letter or digit'],
    ['data->>-78xy', 11, 'unexpected "x" expecting digit'],
    ['data->>--34', 9, 'unexpected "-" expecting digit'],
    ['data->9999999999', 7, 'unexpected "9" expecting array index up to 2147483647'],
    [
      'id,clients(name[])',
      16,
      'unexpected "[" expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input',
    ],
    ['x.median()', 3, 'unexpected "m" expecting "sum", "avg", "count", "max" or "min"'],
    ['rel(id', 7, 'unexpected end of input expecting "," or ")"'],
    ['a)b', 2, 'unexpected ")" expecting "," or end of input'],
    ['rel->x(id)', 7, 'unexpected "(" expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input'],
    ['"open', 6, 'unexpected end of input expecting closing quote (")'],
    ['a"b"', 2, 'unexpected "\\"" expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input'],
    ['""', 1, 'unexpected "\\"" expecting field name (* or [a..z0..9_$])'],
    ['rel!a!b(id)', 6, 'unexpected "!" expecting one !hint'],
    ['rel!inner!left(id)', 10, 'unexpected "!" expecting one of !inner and !left'],
    ['*!hint', 2, 'unexpected "!" expecting ")", "," or end of input'],
  ];
  for (const [select, at, details] of bad) {
    const error = refused(() => parseQuery(`select=${encodeURIComponent(select)}`));
    t.match(
      error,
      {
        code: 'PGRST100',
        status: 400,
        message: `"failed to parse select parameter (${select})" (line 1, column ${at})`,
        details,
        hint: /select=/,
      },
      select,
    );
  }
});
