import fc, { type Arbitrary } from 'fast-check';
import { list, near, text } from './salt.ts';

/** One of five is not there, or is not to be seen. */
const TABLES = [
  ...Array<string>(12).fill('docs'),
  ...Array<string>(4).fill('notes'),
  'docs_view',
  'docs_view',
  'closed',
  'vault.gold',
  'gold',
  'hits',
  'pg_authid',
];
export const table: Arbitrary<string> = near(...TABLES);
export const routine: Arbitrary<string> = near(
  'echo',
  'add',
  'find',
  'excerpt',
  'hush',
  'canary',
  'vault.canary',
  'pg_sleep',
  'set_config',
  'pg_read_file',
);
const column = near(
  ...['id', 'n', 'title', 'owner'],
  'id',
  'owner',
  'title',
  'body',
  'n',
  'price',
  'tags',
  'doc',
  'span',
  'words',
  'at',
  'parent',
  'doc->a',
  'doc->>b',
  'doc->b->0',
  'text',
  'doc_id',
  'excerpt',
);
const value = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -5, max: 1_050 }).map(String) },
  {
    weight: 2,
    arbitrary: near(
      'ada',
      'eve',
      'title*',
      '*',
      '{x,y1}',
      '[1,5)',
      '{"a":1}',
      'null',
      'true',
      '(1,2,3)',
      '("a","b)")',
      'title & 1',
      '2026-01-01',
    ),
  },
  { weight: 1, arbitrary: text },
);
const operator = near(
  'eq',
  'neq',
  'gt',
  'gte',
  'lt',
  'lte',
  'like',
  'ilike',
  'match',
  'imatch',
  'in',
  'is',
  'isdistinct',
  'fts',
  'plfts',
  'phfts',
  'wfts(simple)',
  'cs',
  'cd',
  'ov',
  'sl',
  'sr',
  'nxr',
  'nxl',
  'adj',
  'not.eq',
  'not.in',
  'eq(any)',
  'like(all)',
  'not.like(any)',
);
const test = fc.tuple(operator, value).map(([op, v]) => `${op}.${v}`);
const condition = fc.tuple(column, test).map(([c, x]) => `${c}.${x}`);
const logic = fc.tuple(near('', 'and', 'or', 'not.and'), list(condition, 3)).map(([how, inner]) => `${how}(${inner})`);
const cast = near('', '', '', '', '::text', '::int', '::jsonb', '::regclass', '::xml', '::vault.gold', '::pg_lsn');
const aggregate = near('', '', '', '', '.sum()', '.count()', '.max()', '.avg()::text');
const field = fc.tuple(near('', '', '', 'a:', 'sub:'), column, aggregate, cast).map((parts) => parts.join(''));
const { select } = fc.letrec<{ select: string; embed: string }>((tie) => ({
  embed: fc
    .tuple(
      near('', '', '...', 'x:'),
      near('notes', 'docs', 'parent', 'closed', 'docs_view'),
      near('', '', '!inner', '!left', '!parent', '!docs_parent_fkey'),
      tie('select'),
    )
    .map(([a, name, hint, inner]) => `${a}${name}${hint}(${inner})`),
  select: list(fc.oneof({ depthSize: 'small', withCrossShrink: true }, field, near('*', 'count()'), tie('embed'))),
}));
const order = list(
  fc.tuple(column, near('', '.asc', '.desc', '.desc.nullslast', '.nullsfirst')).map((parts) => parts.join('')),
  3,
);
const count = near('0', '1', '5', '100', '1000000', '-1');
const filter = fc.tuple(
  fc.oneof({ weight: 5, arbitrary: column }, { weight: 1, arbitrary: near('notes.text', 'docs.n', 'parent.id') }),
  test,
);
const parameter: Arbitrary<readonly [string, string]> = fc.oneof(
  { weight: 4, arbitrary: filter },
  { weight: 3, arbitrary: fc.tuple(fc.constant('select'), select) },
  { weight: 2, arbitrary: fc.tuple(near('order', 'notes.order', 'parent.order'), order) },
  { weight: 1, arbitrary: fc.tuple(near('limit', 'offset', 'notes.limit'), count) },
  { weight: 1, arbitrary: fc.tuple(near('and', 'or', 'not.or', 'notes.or'), logic) },
  { weight: 1, arbitrary: fc.tuple(near('on_conflict', 'columns'), list(column, 3)) },
  { weight: 1, arbitrary: fc.tuple(near('tidemark', 'after', 'export', 'value', 'a', 'b', 'q'), value) },
  { weight: 1, arbitrary: fc.tuple(text, text) },
);

export const encode = (raw: string) => encodeURIComponent(raw.toWellFormed());
/** Now and then as nobody's URL library would write it; what HTTP itself does not allow there is left out. */
export const sloppy = (raw: string) =>
  raw.toWellFormed().replace(/[^\x21-\x7e]|[#]/gu, (bad) => encodeURIComponent(bad));
export const search: Arbitrary<string> = fc
  .tuple(fc.array(parameter, { maxLength: 3 }), fc.integer({ min: 0, max: 9 }))
  .map(([pairs, manner]) => {
    const write = manner === 0 ? sloppy : encode;
    return pairs.length === 0 ? '' : `?${pairs.map(([k, v]) => `${write(k)}=${write(v)}`).join('&')}`;
  });
