/** Compares the evaluator with Postgres: random values and filters of each type must agree on true, false and null. */

import { useTestStack } from '@tidemark/testing';
import fc from 'fast-check';
import postgres from 'postgres';
import t from 'tap';
import type { Condition, Filter } from '../../src/ast.ts';
import { compileFilter, conditionSql, equalityKeys } from '../../src/index.ts';
import { COLUMNS, type Column, TYPES_DDL, text } from './sample-columns.ts';
import { PATTERNS, REGEXES } from './sample-patterns.ts';

const TYPES = Object.fromEntries(COLUMNS.map(({ name, type }) => [name, type]));
const TEXT_COLUMNS = COLUMNS.filter(({ name }) => ['tc', 'tu', 'vc', 'bc', 'nm'].includes(name));

const quote = (value: string) => `'${value.replaceAll("'", "''")}'`;
const array = (values: readonly string[]) =>
  `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;

/** Arbitrary conditions without text search and embeds. */
const toSql = (condition: Condition): string =>
  conditionSql(condition, {
    field: ({ name }) => name,
    bind: (value) => quote(typeof value === 'string' ? value : array(value)),
    isText: () => false,
    embedIsNull: () => 'null',
  });

const filter: fc.Arbitrary<Filter> = fc.constantFrom(...COLUMNS).chain((column) => {
  const constant = fc.oneof(fc.constantFrom(...column.values), column.random);
  const base = { field: fc.constant({ name: column.name, json: [] }), negate: fc.boolean() };
  const compare = (op: fc.Arbitrary<string>, value: fc.Arbitrary<string>) => {
    const plain = fc.record({ kind: fc.constant('compare'), ...base, op, quantifier: fc.constant(null), value });
    const many = fc
      .array(fc.option(value, { freq: 8 }), { maxLength: 3 })
      .map((items) => array(items.map((item) => item ?? 'NULL')).replaceAll('"NULL"', 'NULL'));
    const quantified = fc.record({
      kind: fc.constant('compare'),
      ...base,
      op,
      quantifier: fc.constantFrom('any', 'all'),
      value: many,
    });
    return fc.oneof(
      { weight: 3, arbitrary: plain },
      { weight: 1, arbitrary: quantified.filter(({ op: of }) => of !== 'neq') },
    );
  };
  const kinds: fc.Arbitrary<unknown>[] = [
    compare(fc.constantFrom('eq', 'neq', 'gt', 'gte', 'lt', 'lte'), constant),
    fc.record({
      kind: fc.constant('compare'),
      ...base,
      op: fc.constant('isdistinct'),
      quantifier: fc.constant(null),
      value: constant,
    }),
    fc.record({ kind: fc.constant('in'), ...base, values: fc.array(constant, { maxLength: 4 }) }),
    fc.record({
      kind: fc.constant('is'),
      ...base,
      value: fc.constantFrom('null', 'not_null', ...(column.name === 'b' ? ['true', 'false', 'unknown'] : [])),
    }),
  ];
  if (TEXT_COLUMNS.includes(column)) {
    kinds.push(compare(fc.constantFrom('like', 'ilike'), fc.oneof(fc.constantFrom(...PATTERNS), text)));
    kinds.push(compare(fc.constantFrom('match', 'imatch'), fc.oneof(fc.constantFrom(...REGEXES), text)));
  }
  return fc.oneof(...kinds) as fc.Arbitrary<Filter>;
});
const condition: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 4, arbitrary: filter },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('and', 'or'),
      negate: fc.boolean(),
      conditions: fc.array(filter, { minLength: 1, maxLength: 4 }),
    }) as fc.Arbitrary<Condition>,
  },
);

t.test('filters of all types agree with Postgres on true, false and null', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const sql = postgres(database.primaryUrl, { max: 1, onnotice: () => {}, connection: { TimeZone: 'UTC' } });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
  });

  const fits = (column: Column, value: string) => column.name !== 'bc' || [...value].length <= 6;
  const row = fc.tuple(
    ...COLUMNS.map((column) =>
      fc.option(
        fc.oneof(fc.constantFrom(...column.values), column.random).filter((value) => fits(column, value)),
        { freq: 6 },
      ),
    ),
  );
  const rows = fc.sample(row, 60);
  await sql.unsafe(TYPES_DDL);
  await sql.unsafe(
    `create table samples (id int primary key, ${COLUMNS.map(({ name, ddl }) => `${name} ${ddl}`).join(', ')})`,
  );
  for (const [id, values] of rows.entries()) {
    await sql.unsafe(
      `insert into samples values (${id}, ${values.map((value) => (value === null ? 'null' : quote(value))).join(', ')})`,
    );
  }
  // Rows come in both forms: Postgres's text, and JSON with exact numbers as text, which JSON.parse would round.
  const asText = await sql.unsafe(
    `select ${COLUMNS.map(({ name }) => `${name}::text`).join(', ')} from samples order by id`,
  );
  const exact = ['i8', 'n', 'n2'].map((name) => `'${name}', ${name}::text`).join(', ');
  const asJson = (
    await sql.unsafe(`select (to_jsonb(samples) || jsonb_build_object(${exact}))::text as row from samples order by id`)
  ).map(({ row: json }) => JSON.parse(json as string) as Record<string, unknown>);
  // `char(n)::text` removes trailing spaces, which LIKE matches; pgoutput and to_jsonb keep them.
  for (const [i, values] of asText.entries()) values.bc = asJson[i]!.bc;

  const refused = new Map<string, number>();
  let compared = 0;
  for (let round = 0; round < 12; round++) {
    const supported: { condition: Condition; test: (row: Record<string, unknown>) => boolean | null }[] = [];
    for (const candidate of fc.sample(condition, 120)) {
      const compiled = compileFilter([candidate], TYPES, { timeZone: 'UTC' });
      if (compiled.supported) supported.push({ condition: candidate, test: compiled.test });
      else for (const { reason } of compiled.problems) refused.set(reason, (refused.get(reason) ?? 0) + 1);
    }
    const selection = supported.map((one, i) => `(${toSql(one.condition)})::bool as c${i}`).join(', ');
    const answers = await sql.unsafe(`select ${selection} from samples order by id`);
    for (const [id, answer] of answers.entries()) {
      for (const [i, { condition: tested, test }] of supported.entries()) {
        for (const values of [asText[id]!, asJson[id]!]) {
          compared++;
          const ours = test(values);
          if (ours !== answer[`c${i}`]) {
            t.equal(ours, answer[`c${i}`], `${toSql(tested)} on ${JSON.stringify(values)}`);
            return;
          }
        }
      }
    }
  }
  t.ok(compared > 100_000, `${compared} comparisons`);
  t.notOk(refused.has('type') || refused.has('unknown-column'), JSON.stringify([...refused]));
  t.comment(`${compared} comparisons; refused: ${JSON.stringify([...refused])}`);
});

t.test('keys are equal exactly if Postgres finds the values equal', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const sql = postgres(database.primaryUrl, { max: 1, connection: { TimeZone: 'UTC' } });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
  });
  await sql.unsafe(TYPES_DDL);
  for (const column of COLUMNS) {
    const keys = equalityKeys(column.type, { timeZone: 'UTC' })!;
    const type = column.ddl.replace(/ collate.*/, '');
    const cast = (value: string) => `${quote(value)}::${type === 'char(6)' ? 'bpchar' : type}`;
    const known = [...column.values, ...fc.sample(column.random, 5)].filter((value) => keys.constant(value) !== null);
    const pairs = known.flatMap((a) => known.map((b) => [a, b] as const));
    const [answer] = await sql.unsafe(
      `select array[${pairs.map(([a, b]) => `${cast(a)} = ${cast(b)}`).join(', ')}] as equal`,
    );
    const ours = pairs.map(([a, b]) => keys.constant(a) === keys.constant(b));
    t.same(ours, answer!.equal as boolean[], column.name);
  }
});
