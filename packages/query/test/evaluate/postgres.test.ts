/** The evaluator against Postgres itself: random values and filters of each type must agree on true, false and null. */

import { useTestStack } from '@tidemark/local-stack';
import fc from 'fast-check';
import postgres from 'postgres';
import t from 'tap';
import type { Condition, Filter } from '../../src/ast.ts';
import { type ColumnType, compileFilter, equalityKeys, likePattern } from '../../src/index.ts';

interface Column {
  name: string;
  ddl: string;
  type: ColumnType;
  /** Texts that Postgres reads as values of the type; many of them equal one another. */
  values: readonly string[];
  random: fc.Arbitrary<string>;
}

const text = fc.string({
  unit: fc.constantFrom('a', 'A', 'b', 'ß', 'É', 'é', 'İ', 'Σ', 'ς', '𝄞', '𐐀', '\uffee', ' ', '%', '_', '\\', '1'),
  maxLength: 5,
});
const TEXTS = [
  '',
  'a',
  'A',
  'ab',
  'aB',
  'abc',
  'b ',
  'a_b',
  'a%b',
  'é',
  'É',
  'Σας',
  '𐐀',
  '𐐨',
  '𝄞x',
  '\uffee',
  'İ',
  'K',
  'k',
  'x\ny',
  '10',
  '9',
];
const integers = (bits: number) =>
  fc.oneof(
    fc.integer({ min: -3, max: 3 }).map(String),
    fc.bigInt(-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n).map(String),
  );
const timestamps = [
  '2024-02-29 12:00:00',
  '2024-02-29T12:00:00.5',
  '2024-02-29 12:00:00.500000',
  '1969-12-31 23:59:59.999999',
  '0044-03-15 00:00:00 BC',
  '294276-12-31 23:59:59.999999',
  'infinity',
  '-infinity',
  '2024-03-01',
  '0001-01-01 00:00:00.000001',
];
const date = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((value) => value.toISOString());

const COLUMNS: readonly Column[] = [
  {
    name: 'i2',
    ddl: 'int2',
    type: 'smallint',
    values: ['1', '+1', ' 01 ', '-0', '0', '32767', '-32768'],
    random: integers(16),
  },
  {
    name: 'i4',
    ddl: 'int4',
    type: 'int4',
    values: ['1', '01', '2', '2147483647', '-2147483648'],
    random: integers(32),
  },
  {
    name: 'i8',
    ddl: 'int8',
    type: 'bigint',
    values: ['1', '9007199254740993', '9007199254740992', '9223372036854775807', '-9223372036854775808'],
    random: integers(64),
  },
  {
    name: 'n',
    ddl: 'numeric',
    type: 'numeric',
    values: [
      '1',
      '1.0',
      '1.00000000000000000001',
      '10e-1',
      '.5',
      '5.',
      '-0',
      '1e30',
      '-1e-30',
      'NaN',
      'Infinity',
      '-inf',
      '123456789012345678901234567890.5',
    ],
    random: fc.tuple(integers(64), fc.nat(40)).map(([n, scale]) => `${n}e-${scale}`),
  },
  {
    name: 'n2',
    ddl: 'numeric(10,2)',
    type: 'numeric(10,2)',
    values: ['1', '1.5', '-2.25', '99999999.99'],
    random: fc.integer({ min: -9999, max: 9999 }).map((n) => String(n / 100)),
  },
  {
    name: 'f4',
    ddl: 'float4',
    type: 'real',
    values: ['0.1', '0.10000000149', '1', '16777217', '16777216', '3e38', 'NaN', '-Infinity', '-0', '0'],
    random: fc
      .float({ noDefaultInfinity: true, noNaN: true })
      .filter((n) => n === 0 || Math.abs(n) > 1e-30)
      .map(String),
  },
  {
    name: 'f8',
    ddl: 'float8',
    type: 'double precision',
    values: ['0.1', '1e300', '1', '1.0', 'NaN', 'infinity', '-0', '0', '9007199254740993'],
    random: fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
  },
  {
    name: 'b',
    ddl: 'bool',
    type: 'boolean',
    values: ['t', 'f', 'true', 'FALSE', 'yes', 'n', 'on', 'of', '1', '0'],
    random: fc.constantFrom('t', 'f'),
  },
  { name: 'tc', ddl: 'text collate "C"', type: { type: 'text', collation: 'C' }, values: TEXTS, random: text },
  {
    name: 'tu',
    ddl: 'text collate "pg_c_utf8"',
    type: { type: 'text', collation: 'pg_c_utf8' },
    values: TEXTS,
    random: text,
  },
  {
    name: 'vc',
    ddl: 'varchar(20) collate "C"',
    type: { type: 'character varying(20)', collation: 'C' },
    values: TEXTS,
    random: text,
  },
  {
    name: 'bc',
    ddl: 'char(6) collate "C"',
    type: { type: 'character(6)', collation: 'C' },
    values: TEXTS,
    random: text,
  },
  { name: 'nm', ddl: 'name', type: 'name', values: TEXTS, random: text },
  {
    name: 'u',
    ddl: 'uuid',
    type: 'uuid',
    values: [
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'A0EEBC999C0B4EF8BB6D6BB9BD380A11',
      '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}',
      '00000000-0000-0000-0000-000000000000',
    ],
    random: fc.uuid(),
  },
  {
    name: 'd',
    ddl: 'date',
    type: 'date',
    values: ['2024-02-29', '1970-01-01', '0044-03-15 BC', 'infinity', '-infinity', '5874897-12-31', '4714-11-24 BC'],
    random: date.map((value) => value.slice(0, 10)),
  },
  {
    name: 'ts',
    ddl: 'timestamp',
    type: 'timestamp without time zone',
    values: timestamps,
    random: date.map((value) => value.slice(0, -1)),
  },
  {
    name: 'tz',
    ddl: 'timestamptz',
    type: 'timestamp with time zone',
    values: [
      ...timestamps,
      '2024-02-29 12:00:00Z',
      '2024-02-29 14:00:00+02',
      '2024-02-29T07:30:00-04:30',
      '2024-02-29 12:00:00+0000',
      '2024-02-29 12:00:01+00:00:01',
    ],
    random: date,
  },
];
const TYPES = Object.fromEntries(COLUMNS.map(({ name, type }) => [name, type]));
const PATTERNS = [
  '',
  '%',
  '_',
  'a%',
  '%b',
  '%a%',
  'a_b',
  'a\\%b',
  'a\\_b',
  '__',
  '%_',
  '_%b_%',
  'É',
  'é%',
  '%ς',
  'İ',
  'a*',
  '*B*',
  '𐐀',
  'a%%b',
  '\\\\%',
  'i',
];
const REGEXES = [
  '',
  'a',
  '^a',
  'b$',
  '^$',
  'a|b',
  '^(a|É)+$',
  '[a-c]',
  '[^a]',
  '[]a]',
  '[a\\]-]',
  'a.b',
  '.',
  '^.{2,3}$',
  'a{2}',
  '(ab?)*c',
  '\\d+',
  '^\\\\',
  'a*?b',
  '(?:a)',
  '{',
  'a{,2}',
  'x.y',
  '[A-Z]',
  'k',
  'Σ',
  'ß',
  '()',
  'a||b',
  '(a|)b',
  '^*',
  'a**',
  '(',
  '[b-a]',
  '\\w',
  '(a)\\1',
  '(?i)a',
  '***=a',
  'İ',
  '𐐀',
  '[é-ü]',
];
const TEXT_COLUMNS = COLUMNS.filter(({ name }) => ['tc', 'tu', 'vc', 'bc', 'nm'].includes(name));

const SQL_OPERATORS = {
  eq: '=',
  neq: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: '~~',
  ilike: '~~*',
  match: '~',
  imatch: '~*',
} as const;
const quote = (value: string) => `'${value.replaceAll("'", "''")}'`;
const array = (values: readonly string[]) =>
  `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;

/** As the gateway compiles it. */
function toSql(condition: Condition): string {
  const not = condition.negate ? 'not ' : '';
  switch (condition.kind) {
    case 'and':
    case 'or':
      return `${not}(${condition.conditions.map(toSql).join(` ${condition.kind} `)})`;
    case 'in':
      return `${not}(${condition.field.name} = any (${quote(array(condition.values))}))`;
    case 'is':
      return `${not}(${condition.field.name} is ${condition.value.replace('_', ' ')})`;
    case 'compare': {
      const { name } = condition.field;
      if (condition.op === 'isdistinct') return `${not}(${name} is distinct from ${quote(condition.value)})`;
      const like = condition.op === 'like' || condition.op === 'ilike';
      const value = quote(like ? likePattern(condition.value) : condition.value);
      const operand = condition.quantifier === null ? value : `${condition.quantifier} (${value})`;
      return `${not}(${name} ${SQL_OPERATORS[condition.op as keyof typeof SQL_OPERATORS]} ${operand})`;
    }
    default:
      throw new TypeError(`not used here: ${condition.kind}`);
  }
}

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

t.test('agrees with Postgres', async (t) => {
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
  await sql.unsafe(
    `create table samples (id int primary key, ${COLUMNS.map(({ name, ddl }) => `${name} ${ddl}`).join(', ')})`,
  );
  for (const [id, values] of rows.entries()) {
    await sql.unsafe(
      `insert into samples values (${id}, ${values.map((value) => (value === null ? 'null' : quote(value))).join(', ')})`,
    );
  }
  // Both forms of a row: Postgres's own text, and JSON with the exact numbers as text, as JSON.parse would round them.
  const asText = await sql.unsafe(
    `select ${COLUMNS.map(({ name }) => `${name}::text`).join(', ')} from samples order by id`,
  );
  const exact = ['i8', 'n', 'n2'].map((name) => `'${name}', ${name}::text`).join(', ');
  const asJson = (
    await sql.unsafe(`select (to_jsonb(samples) || jsonb_build_object(${exact}))::text as row from samples order by id`)
  ).map(({ row: json }) => JSON.parse(json as string) as Record<string, unknown>);
  // `char(n)::text` loses the spaces at the end, which LIKE sees; pgoutput and to_jsonb keep them.
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

t.test('keys are equal where Postgres says so', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const sql = postgres(database.primaryUrl, { max: 1, connection: { TimeZone: 'UTC' } });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
  });
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
