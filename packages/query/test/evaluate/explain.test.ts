import fc from 'fast-check';
import t from 'tap';
import {
  type ColumnTypes,
  type Condition,
  compileFilter,
  explainFilter,
  type FilterPart,
  parseQuery,
  type Row,
} from '../../src/index.ts';

const TYPES: ColumnTypes = { n: 'int4', m: 'int4', word: { type: 'text', collation: 'C' }, flag: 'bool' };
const explain = (search: string, row: Row) => explainFilter(parseQuery(search).where, TYPES, row);
/** Renders expressions with their results, followed by the members of groups. */
const told = (parts: readonly FilterPart[] | undefined): unknown[] =>
  (parts ?? []).map(({ expression, passed, parts: members }) =>
    members === undefined ? [expression, passed] : [expression, passed, told(members)],
  );

t.test('explains each condition, and a group by the members that decided it', async (t) => {
  const row = { n: 5, m: null, word: 'ab', flag: true };
  t.same(told(explain('n=gte.5&m=eq.1&word=like.b*', row)), [
    ['n=gte.5', true],
    ['m=eq.1', null],
    ['word=like.b*', false],
  ]);
  t.same(told(explain('and=(n.gt.1,n.gt.9,m.eq.1)', row)), [
    ['and=(n.gt.1,n.gt.9,m.eq.1)', false, [['n.gt.9', false]]],
  ]);
  t.same(told(explain('or=(n.eq.1,word.eq."a,b")', row)), [
    [
      'or=(n.eq.1,word.eq."a,b")',
      false,
      [
        ['n.eq.1', false],
        ['word.eq."a,b"', false],
      ],
    ],
  ]);
  t.same(told(explain('or=(n.eq.1,n.eq.5)', row)), [['or=(n.eq.1,n.eq.5)', true, [['n.eq.5', true]]]]);
  t.same(told(explain('not.or=(n.eq.1,not.and(n.eq.5,flag.is.false))', row)), [
    [
      'not.or=(n.eq.1,not.and(n.eq.5,flag.is.false))',
      false,
      [['not.and(n.eq.5,flag.is.false)', true, [['flag.is.false', false]]]],
    ],
  ]);
  t.same(explain('n=not.eq.5', row), [{ expression: 'n=not.eq.5', passed: false, column: 'n', parts: undefined }]);
  t.throws(() => explain('n=eq.5', {}), { code: 'QUERY_MISSING_COLUMN' });
});

const negate = fc.boolean();
const filter = fc
  .record({
    column: fc.constantFrom('n', 'm'),
    op: fc.constantFrom('eq', 'neq', 'gt', 'lte', 'isdistinct'),
    value: fc.constantFrom('0', '1', '2'),
    negate,
  })
  .map(({ column, ...rest }) => ({ kind: 'compare', field: { name: column, json: [] }, quantifier: null, ...rest }));
const condition = fc.letrec<{ condition: unknown }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3 },
    filter,
    fc.record({
      kind: fc.constantFrom('and', 'or'),
      negate,
      conditions: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }),
    }),
  ),
})).condition as fc.Arbitrary<Condition>;
const value = fc.constantFrom(0, 1, 2, null);

t.test('always agrees with the compiled predicate', async () => {
  const property = fc.property(fc.array(condition, { maxLength: 4 }), value, value, (where, n, m) => {
    const row = { n, m };
    const compiled = compileFilter(where, TYPES);
    const parts = explainFilter(where, TYPES, row);
    if (!compiled.supported) throw new TypeError('these are supported');
    const whole = parts.some(({ passed }) => passed === false)
      ? false
      : parts.every(({ passed }) => passed === true) || null;
    const check = (part: (typeof parts)[number], of: Condition): void => {
      if (of.kind !== 'and' && of.kind !== 'or') return;
      const own = of.negate && part.passed !== null ? !part.passed : part.passed;
      if (!part.parts?.length) throw new TypeError(`nobody decided ${part.expression}`);
      if (part.parts.some(({ passed }) => passed !== own)) throw new TypeError(`not all of ${part.expression} decided`);
    };
    parts.forEach((part, index) => {
      check(part, where[index] as Condition);
    });
    return compiled.test(row) === whole;
  });
  fc.assert(property, { numRuns: 2_000 });
});
