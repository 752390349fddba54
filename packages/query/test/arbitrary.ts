/** fast-check arbitraries of queries that the parser can produce. */
import fc from 'fast-check';
import type { Condition, Embed, Field, JsonStep, Level, OrderTerm, Query, SelectNode } from '../src/ast.ts';

const KEYWORDS = [
  'and',
  'or',
  'not',
  'count',
  'inner',
  'left',
  'select',
  'order',
  'limit',
  'offset',
  'columns',
  'on_conflict',
];

/** Texts that Postgres can store. */
export const text = fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replaceAll('\0', ''));

/** Columns never start with the letter of embeds, so that no filter on a column becomes the null test of an embed. */
const column = fc
  .oneof(fc.constantFrom(...KEYWORDS, 'id', 'a-b', 'x y', 'after', 'tidemark'), text)
  .filter((name) => name !== '' && !name.startsWith('e'));
const name = fc.oneof(fc.constantFrom(...KEYWORDS, 'rel'), text).filter((value) => value !== '');
const embedName = text.map((value) => `e${value}`);

const jsonStep: fc.Arbitrary<JsonStep> = fc.oneof(
  fc.record({
    arrow: fc.constantFrom('->' as const, '->>' as const),
    kind: fc.constant('key' as const),
    key: fc.oneof(text, fc.constantFrom('0', '-1', 'a-b', '')),
  }),
  fc.record({
    arrow: fc.constantFrom('->' as const, '->>' as const),
    kind: fc.constant('index' as const),
    index: fc.integer({ min: -2147483647, max: 2147483647 }).map((n) => n + 0),
  }),
);
const field: fc.Arbitrary<Field> = fc.record({ name: column, json: fc.array(jsonStep, { maxLength: 3 }) });
const cast = fc.option(fc.constantFrom('text', 'int4', 'double precision'));
const negate = fc.boolean();

const filter: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    field,
    negate,
    op: fc.constantFrom('eq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch'),
    quantifier: fc.option(fc.constantFrom('any', 'all')),
    value: text,
  }) as fc.Arbitrary<Condition>,
  fc.record({
    kind: fc.constant('compare' as const),
    field,
    negate,
    op: fc.constantFrom('neq', 'isdistinct', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj'),
    quantifier: fc.constant(null),
    value: text,
  }) as fc.Arbitrary<Condition>,
  fc.record({ kind: fc.constant('in' as const), field, negate, values: fc.array(text, { maxLength: 4 }) }),
  fc.record({
    kind: fc.constant('is' as const),
    field,
    negate,
    value: fc.constantFrom('null', 'not_null', 'true', 'false', 'unknown'),
  }) as fc.Arbitrary<Condition>,
  fc.record({
    kind: fc.constant('fts' as const),
    field,
    negate,
    op: fc.constantFrom('fts', 'plfts', 'phfts', 'wfts'),
    language: fc.option(fc.constantFrom('english', 'my config')),
    value: text,
  }) as fc.Arbitrary<Condition>,
);

function conditions(embeds: readonly string[]): fc.Arbitrary<Condition> {
  const leaf =
    embeds.length === 0
      ? filter
      : fc.oneof(
          filter,
          fc.record({ kind: fc.constant('embed-null' as const), embed: fc.constantFrom(...embeds), negate }),
        );
  return fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({
        kind: fc.constantFrom('and', 'or'),
        negate,
        conditions: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }),
      }) as fc.Arbitrary<Condition>,
    ),
  })).condition;
}

const plainNode: fc.Arbitrary<SelectNode> = fc.oneof(
  fc.constant({ kind: 'star' as const }),
  fc.record({ kind: fc.constant('count' as const), alias: fc.option(name), cast }),
  fc
    .record({
      kind: fc.constant('column' as const),
      field: fc.record({ name, json: fc.array(jsonStep, { maxLength: 2 }) }),
      alias: fc.option(name),
      cast,
      aggregate: fc.option(fc.constantFrom('sum', 'avg', 'count', 'max', 'min')),
      aggregateCast: cast,
    })
    .map((node) => (node.aggregate === null ? { ...node, aggregateCast: null } : node)) as fc.Arbitrary<SelectNode>,
);

function level(depth: number): fc.Arbitrary<Level> {
  const embedNames = depth > 0 ? fc.uniqueArray(embedName, { maxLength: 2 }) : fc.constant([]);
  return embedNames.chain((embeds) => {
    const nodes = fc.tuple(fc.array(plainNode, { maxLength: 3 }), ...embeds.map((label) => embed(label, depth - 1)));
    const order: fc.Arbitrary<OrderTerm> = fc.record({
      field,
      related: fc.constantFrom(null, ...embeds),
      direction: fc.constantFrom('asc', 'desc', null),
      nulls: fc.constantFrom('first', 'last', null),
    });
    return fc.record({
      select: nodes.map(([plain, ...rest]) => [...plain, ...rest]),
      where: fc.array(conditions(embeds), { maxLength: 3 }),
      order: fc.array(order, { maxLength: 2 }),
      limit: fc.option(fc.nat()),
      offset: fc.nat(),
    });
  });
}

/** `label` is the segment of paths: the alias, or the name without an alias. */
function embed(label: string, depth: number): fc.Arbitrary<Embed> {
  return fc
    .record({
      level: level(depth),
      aliased: fc.boolean(),
      name: text,
      hint: fc.option(name),
      join: fc.constantFrom('inner', 'left', null),
      spread: fc.boolean(),
    })
    .map(({ level: inner, aliased, name: tableName, hint, join, spread }) => {
      const alias = aliased && !spread ? label : null;
      return {
        ...inner,
        kind: 'embed',
        alias,
        name: alias === null ? label : `t${tableName}`,
        hint,
        join,
        spread,
      } as Embed;
    });
}

export const query: fc.Arbitrary<Query> = fc
  .record({
    level: level(2),
    columns: fc.option(fc.uniqueArray(name, { minLength: 1, maxLength: 3 })),
    onConflict: fc.option(fc.uniqueArray(name, { minLength: 1, maxLength: 3 })),
    after: fc.option(fc.constantFrom('abc', 'eyJ_-~9')),
    tidemark: fc.option(fc.constant('e1-00000000016B3748')),
  })
  // fast-check creates objects without a prototype, which deepEqual distinguishes; JSON replaces them.
  .map(({ level: root, ...rest }) => JSON.parse(JSON.stringify({ ...root, ...rest, args: [], pairs: [] })) as Query);
