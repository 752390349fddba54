/** The SQL of each filter; evaluate/postgres.test.ts compares its meaning with the evaluator. */
import t from 'tap';
import { type ConditionTarget, conditionSql, parseQuery } from '../src/index.ts';

/** Returns `$1`, `$2`, …; an array keeps its elements. */
function sqlOf(query: string): { text: string; values: (string | readonly string[])[] } {
  const values: (string | readonly string[])[] = [];
  const target: ConditionTarget = {
    field: ({ name }) => name,
    bind: (value) => `$${values.push(value)}`,
    isText: ({ name }) => name !== 'vector',
    embedIsNull: (embed) => `${embed} is not distinct from null`,
  };
  const text = parseQuery(query).where.map((condition) => conditionSql(condition, target));
  return { text: text.join(' and '), values };
}

const CASES: readonly [query: string, text: string, ...values: (string | readonly string[])[]][] = [
  ['a=eq.1', '(a = $1)', '1'],
  ['a=neq.1', '(a <> $1)', '1'],
  ['a=gt.1', '(a > $1)', '1'],
  ['a=gte.1', '(a >= $1)', '1'],
  ['a=lt.1', '(a < $1)', '1'],
  ['a=lte.1', '(a <= $1)', '1'],
  ['a=like.x*y%25', '(a like $1)', 'x%y%'],
  ['a=ilike.*x', '(a ilike $1)', '%x'],
  ['a=match.x*', '(a ~ $1)', 'x*'],
  ['a=imatch.x', '(a ~* $1)', 'x'],
  ['a=isdistinct.1', '(a is distinct from $1)', '1'],
  ['a=cs.{1}', '(a @> $1)', '{1}'],
  ['a=cd.{1}', '(a <@ $1)', '{1}'],
  ['a=ov.{1}', '(a && $1)', '{1}'],
  ['a=sl.(1,2)', '(a << $1)', '(1,2)'],
  ['a=sr.(1,2)', '(a >> $1)', '(1,2)'],
  ['a=nxr.(1,2)', '(a &< $1)', '(1,2)'],
  ['a=nxl.(1,2)', '(a &> $1)', '(1,2)'],
  ['a=adj.(1,2)', '(a -|- $1)', '(1,2)'],
  ['a=eq(any).{1,2}', '(a = any($1))', '{1,2}'],
  ['a=like(all).{x*,*y}', '(a like all($1))', '{x%,%y}'],
  ['a=in.(1,"2,3")', '(a = any($1))', ['1', '2,3']],
  ['a=in.()', '(a = any($1))', []],
  ['a=is.null', '(a is null)'],
  ['a=is.not_null', '(a is not null)'],
  ['a=is.true', '(a is true)'],
  ['a=is.false', '(a is false)'],
  ['a=is.unknown', '(a is unknown)'],
  ['a=not.eq.1', 'not (a = $1)', '1'],
  ['a=fts.x', '(to_tsvector(a) @@ to_tsquery($1))', 'x'],
  ['a=plfts(english).x', '(to_tsvector($1::regconfig, a) @@ plainto_tsquery($1::regconfig, $2))', ...['english', 'x']],
  ['vector=phfts.x', '(vector @@ phraseto_tsquery($1))', 'x'],
  ['vector=not.wfts(german).x', 'not (vector @@ websearch_to_tsquery($1::regconfig, $2))', 'german', 'x'],
  ['a=eq.1&b=eq.2', '(a = $1) and (b = $2)', '1', '2'],
  ['or=(a.eq.1,not.and(b.eq.2,c.is.null))', '((a = $1) or not ((b = $2) and (c is null)))', '1', '2'],
  ['not.or=(a.eq.1,a.not.in.(2))', 'not ((a = $1) or not (a = any($2)))', '1', ['2']],
  ['select=*,team(*)&team=is.null', '(team is not distinct from null)'],
  ['select=*,team(*)&team=not.is.null', 'not (team is not distinct from null)'],
];

t.test('renders filters as SQL, with the values in the order of their placeholders', async (t) => {
  for (const [query, text, ...values] of CASES) t.same(sqlOf(query), { text, values }, query);
});

t.test('never writes a value into the SQL text', async (t) => {
  const value = `x'"); drop table a --`;
  for (const op of ['eq', 'like', 'fts', 'cs']) {
    const { text, values } = sqlOf(`a=${op}.${encodeURIComponent(value)}`);
    t.notMatch(text, 'drop', op);
    t.same(values, [value]);
  }
});
