/** Array elements and texts in JSON, compared with Postgres: the results are equal, or the row is left to Postgres. */
import { useTestStack } from '@tidemark/testing';
import fc from 'fast-check';
import postgres from 'postgres';
import t from 'tap';
import type { Condition } from '../../src/ast.ts';
import { type ColumnType, compileFilter, conditionSql, jsonPathSql, parseQuery } from '../../src/index.ts';

const LABELS = ['so so', 'glad', 'NULL'];
const ARRAYS: Record<string, { ddl: string; type: ColumnType; elements: readonly string[] }> = {
  texts: {
    ddl: 'text[]',
    type: { type: 'text[]', element: { type: 'text' } },
    elements: ['a', 'A', '', 'NULL', 'a,b', '{x}', ' ', 'é'],
  },
  ints: {
    ddl: 'int[]',
    type: { type: 'integer[]', element: { type: 'integer' } },
    elements: ['1', '01', '-0', '0', '2147483647'],
  },
  floats: {
    ddl: 'float8[]',
    type: { type: 'float8[]', element: { type: 'float8' } },
    elements: ['0.1', 'NaN', '-0', '0', '1e300'],
  },
  moods: { ddl: 'mood[]', type: { type: 'mood[]', element: { type: 'mood', labels: LABELS } }, elements: LABELS },
  days: {
    ddl: 'date[]',
    type: { type: 'date[]', element: { type: 'date' } },
    elements: ['2024-02-29', 'infinity', '0044-03-15 BC'],
  },
};
const TYPES: Record<string, ColumnType> = {
  ...Object.fromEntries(Object.entries(ARRAYS).map(([name, { type }]) => [name, type])),
  data: 'jsonb',
};
const KEYS = ['a', 'b', '__proto__', '0', 'x y'];

const quote = (value: string) => `'${value.replaceAll("'", "''")}'`;
const element = (text: string | null) => (text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`);
const list = (elements: readonly (string | null)[]) => `{${elements.map(element).join(',')}}`;

const arrayOf = (name: string) => {
  const item = fc.option(fc.constantFrom(...(ARRAYS[name]?.elements ?? [])), { freq: 6 });
  const flat = fc.array(item, { maxLength: 4 });
  const grid = fc
    .array(fc.tuple(item, item), { minLength: 1, maxLength: 3 })
    .map((rows) => `{${rows.map(list).join(',')}}`);
  const shifted = fc
    .array(item, { minLength: 1, maxLength: 3 })
    .map((items) => `[0:${items.length - 1}]=${list(items)}`);
  return { flat, any: fc.oneof(flat.map(list), grid, shifted) };
};
const json = fc.oneof(
  fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('a', '', 'null', 'true', '1', 'é'),
      fc.constantFrom(null, true, false, 1, 1.5),
      fc.array(tie('value'), { maxLength: 3 }),
      fc
        .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), tie('value')), { maxLength: 3, selector: ([key]) => key })
        .map((members) => ({
          // Object.fromEntries creates an own property for __proto__ too.
          ...Object.fromEntries(members.filter(([key]) => key !== '__proto__')),
          ...(members.some(([key]) => key === '__proto__') ? JSON.parse('{"__proto__":"own"}') : {}),
        })),
    ),
  })).value,
);
const step = fc.oneof(
  fc.constantFrom(...KEYS.filter((key) => !/^\d|\s/.test(key))),
  fc.integer({ min: -2, max: 2 }).map(String),
);
const path = fc.array(step, { minLength: 1, maxLength: 3 }).map(
  (steps) =>
    `data${steps
      .slice(0, -1)
      .map((s) => `->${s}`)
      .join('')}->>${steps.at(-1)}`,
);
const onJson = fc.tuple(
  path,
  fc.constantFrom(
    'eq.a',
    'neq.a',
    'eq.true',
    'eq.1',
    'in.("a","1","null")',
    'is.null',
    'not.is.null',
    'isdistinct.a',
    'like.*a*',
    'eq.',
  ),
);
const onArray = fc.constantFrom(...Object.keys(ARRAYS)).chain((name) =>
  fc.tuple(
    fc.constant(name),
    fc
      .tuple(fc.constantFrom('cs', 'cd', 'ov', 'not.cs', 'not.ov'), arrayOf(name).flat)
      .map(([op, items]) => `${op}.${list(items)}`),
  ),
);
const condition = fc
  .oneof(onJson, onArray)
  .map(([key, value]) => parseQuery(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`).where[0] as Condition);

const toSql = (one: Condition): string =>
  conditionSql(one, {
    field: ({ name, json: steps }) => jsonPathSql(name, 'jsonb', steps, quote),
    bind: (value) => quote(typeof value === 'string' ? value : list(value)),
    isText: () => false,
    embedIsNull: () => 'null',
  });

t.test('array elements and JSON texts agree with Postgres, or are left to Postgres', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const sql = postgres(database.primaryUrl, { max: 1, onnotice: () => {} });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
  });
  await sql.unsafe(`create type mood as enum (${LABELS.map(quote).join(', ')});
    create table samples (id int primary key, data jsonb, ${Object.entries(ARRAYS)
      .map(([name, { ddl }]) => `${name} ${ddl}`)
      .join(', ')})`);
  const row = fc.tuple(
    json.map((value) => JSON.stringify(value)),
    ...Object.keys(ARRAYS).map((name) => fc.option(arrayOf(name).any, { freq: 8 })),
  );
  for (const [id, values] of fc.sample(row, 80).entries()) {
    await sql.unsafe(
      `insert into samples values (${[id, ...values.map((value) => (value === null ? 'null' : quote(value)))].join(', ')})`,
    );
  }
  const rows = (await sql.unsafe('select to_jsonb(samples)::text as row from samples order by id')).map(({ row }) =>
    JSON.parse(row as string),
  );
  let [compared, left, unsupported] = [0, 0, 0];
  for (let round = 0; round < 8; round += 1) {
    const compiled = fc.sample(condition, 100).flatMap((one) => {
      const { supported, ...filter } = compileFilter([one], TYPES, { timeZone: 'UTC' });
      if (!supported) unsupported += 1;
      return 'test' in filter ? [{ one, test: filter.test }] : [];
    });
    const answers = await sql.unsafe(
      `select ${compiled.map(({ one }, n) => `(${toSql(one)})::bool as c${n}`).join(', ')} from samples order by id`,
    );
    for (const [id, answer] of answers.entries()) {
      for (const [n, { one, test }] of compiled.entries()) {
        try {
          const ours = test(rows[id]);
          compared += 1;
          if (ours !== answer[`c${n}`])
            return t.equal(ours, answer[`c${n}`], `${toSql(one)} on ${JSON.stringify(rows[id])}`);
        } catch (error) {
          if ((error as { code?: string }).code !== 'QUERY_BAD_ROW_VALUE') throw error;
          left += 1;
        }
      }
    }
  }
  t.ok(compared > 40_000, `${compared} comparisons`);
  t.ok(left < compared / 4, `${left} were left to Postgres`);
  t.equal(unsupported, 0);
});
