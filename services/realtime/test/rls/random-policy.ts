/** Policies as people write them, and as they do not, from a grammar. */
import fc from 'fast-check';
import { ANN, BOB } from '../policies/owned-table.ts';

const { constantFrom: one, tuple } = fc;
const C = one(
  `current_setting('request.jwt.claims', true)`,
  `nullif(current_setting('Request.jwt.claims'), '')`,
  `coalesce(current_setting('request.jwt.claims', true), '{}')`,
  `(select current_setting('request.jwt.claims', true))`,
);
const key = one('sub', 'tenant', 'n', 'none', 'app', 'teams', 'flag');
const json = fc.oneof(
  tuple(C, one('json', 'jsonb', 'json::jsonb')).map(([claims, type]) => `${claims}::${type}`),
  tuple(C, one('json', 'jsonb'), one('app', 'none', 'tenant')).map(
    ([c, type, member]) => `(${c}::${type} -> '${member}')`,
  ),
  one('auth.jwt()', '(select auth.jwt())'),
);
const text = fc.oneof(
  { weight: 6, arbitrary: tuple(json, key).map(([of, name]) => `(${of} ->> '${name}')`) },
  key.map((name) => `auth.claim('${name}')`),
  key.map((name) => `auth.strict_claim('${name}', 'x')`),
  key.map((name) => `auth.strict_claim('${name}', null)`),
  tuple(json, key).map(([of, name]) => `(select ${of} ->> '${name}')`),
  tuple(json, key, key).map(([of, a, b]) => `coalesce(${of} ->> '${a}', ${of} ->> '${b}')`),
  tuple(json, key, one('a', 'b', '')).map(([of, name, but]) => `nullif(${of} ->> '${name}', '${but}')`),
  one(
    `'a'::text`,
    `'b'::text`,
    `''::text`,
    'null::text',
    `current_setting('request.jwt.claim.sub', true)`,
    'auth.hidden()',
    'auth.whole()',
  ),
  one(`nullif(current_setting('request.jwt.claim.sub', true), '')`),
  json.map((of) => `((${of})::text)`),
);
export const equality = fc.oneof(
  {
    weight: 5,
    arbitrary: tuple(one('tenant', 'code', 'fixed', 'loose', 'owner::text', 'n::text', '(select tenant)'), text).map(
      ([c, x]) => `${c} = ${x}`,
    ),
  },
  tuple(one('tenant', 'code'), text).map(([column, x]) => `${x} = ${column}`),
  tuple(one('tenant', 'loose'), text).map(([column, x]) => `${column} = ${x} collate public.caseless`),
  tuple(one('tenant', 'code'), text, text).map(([column, a, b]) => `${column} in (${a}, ${b})`),
  one(`owner = auth.uid()`, 'owner = (select auth.uid())', 'owner = auth.tree_uid()', `owner = '${BOB}'`),
  text.map((x) => `owner = case when ${x} ~ '^[0-9a-f-]{36}$' then (${x})::uuid end`),
  tuple(json, one('sub', 'none')).map(([of, name]) => `owner = (${of} ->> '${name}')::uuid`),
  tuple(one('n', 'big'), json, one('int', 'bigint', 'int2'), one('n', 'none')).map(
    ([c, of, type, name]) => `${c} = (${of} ->> '${name}')::${type}`,
  ),
  tuple(one('shown'), json, one('flag', 'none')).map(([column, of, name]) => `${column} = (${of} ->> '${name}')::bool`),
);
const atom = fc.oneof(
  { weight: 8, arbitrary: equality },
  one(
    'shown',
    'not shown',
    'shown is true',
    'true',
    'false',
    'null::bool',
    'n = 3',
    'n in (3, -3)',
    'big = 5000000000',
    `n > 3`,
  ),
  one(
    'tenant is null',
    'owner is not null',
    `lower(code) = 'a'`,
    `tenant = 'é'`,
    `code = 'b'`,
    'n = big',
    'tenant = code',
  ),
  one(`exists (select from public.tenants s where s.name = tenant)`, `current_user = 'authenticated'`),
  tuple(one('<>', '<', 'is distinct from'), text).map(([operator, x]) => `tenant ${operator} ${x}`),
  json.map(
    (of) =>
      `tenant in (select jsonb_array_elements_text(case when jsonb_typeof((${of})::jsonb -> 'teams') = 'array' then (${of})::jsonb -> 'teams' end))`,
  ),
  text.map((x) => `exists (select 1 where tenant = ${x})`),
  text.map((x) => `${x} is null`),
  text.map((x) => `${x} like '%a%'`),
);
export const condition: fc.Arbitrary<string> = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    fc.array(tie('condition'), { minLength: 2, maxLength: 3 }).map((parts) => `(${parts.join(' and ')})`),
    fc.array(tie('condition'), { minLength: 2, maxLength: 3 }).map((parts) => `(${parts.join(' or ')})`),
    tie('condition').map((part) => `not (${part})`),
    tie('condition').map((part) => `coalesce(${part}, shown)`),
    tuple(tie('condition'), tie('condition')).map(([a, b]) => `case when ${a} then ${b} else false end`),
  ),
})).condition;

const value = fc.oneof(
  one<unknown>(
    ANN,
    BOB,
    ANN.toUpperCase(),
    'a',
    'b',
    'A',
    '',
    ' 3',
    '3',
    3,
    4,
    -3,
    0,
    true,
    false,
    null,
    5_000_000_000,
    1.5,
    1e21,
    'é',
  ),
  one<unknown>(['a', 'b'], { tenant: 'a', sub: ANN }, { tenant: null }, [], '{"tenant":"a"}', 'a\u0000', '\ud800'),
);
const usual = fc.record({
  sub: one(ANN, BOB),
  tenant: one('a', 'b', '3'),
  n: one(3, 4, -3),
  app: fc.record({ tenant: one('a', 'b'), sub: one(ANN, BOB) }),
  flag: fc.boolean(),
});
/** Claims that policies read, and some that none reads. */
const unusual = fc.dictionary(one('sub', 'tenant', 'n', 'app', 'teams', 'flag', 'exp', '__proto__'), value, {
  maxKeys: 6,
});
export const claims: fc.Arbitrary<Record<string, unknown>> = fc.oneof(usual, unusual);
