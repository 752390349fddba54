/** Tests what is understood of policies, as Postgres stores them. Anything else must count as reading all claims. */
import t from 'tap';
import type { ClaimPaths } from '../../src/policies/claim-paths.ts';
import { rlsGroupKey } from '../../src/rls/rls-group-key.ts';
import { ANN, identityOf, openOwnedTable } from './owned-table.ts';

const C = `current_setting('request.jwt.claims', true)`;
/** Uuids are compared without hyphens. */
const OWNER = `owner=${ANN.replaceAll('-', '')}`;
const CLAIMS = { sub: ANN, tenant: 'a', n: 3, app: { tenant: 'b' }, role: 'authenticated', exp: 1 };

/** Policy, the claims that it reads, and the values that it pins for CLAIMS. */
const POLICIES: [string, ClaimPaths, string[] | undefined][] = [
  ['true', [], undefined],
  ['false', [], []],
  ['shown', [], ['shown=true']],
  ['not shown', [], ['shown=false']],
  [`n > 3 and not tenant = any (array['a', 'b{SUBLINK'])`, [], undefined],
  [`n in (3, -4)`, [], ['n=3', 'n=-4']],
  [`owner = '${ANN}'`, [], [OWNER]],
  [`'a' = any (string_to_array(tenant, ',')) or lower(tenant) = 'x'`, [], undefined],
  [`tenant is distinct from 'b'`, [], undefined],
  [`owner = (${C}::json ->> 'sub')::uuid`, [['sub']], [OWNER]],
  [`owner = (nullif(${C}, '')::jsonb ->> 'sub')::uuid`, [['sub']], [OWNER]],
  [`owner = (select (${C}::json ->> 'sub')::uuid)`, [['sub']], [OWNER]],
  [`(select ${C}::json ->> 'sub')::uuid = (select owner)`, [['sub']], [OWNER]],
  [`owner::text = ${C}::json ->> 'sub'`, [['sub']], [OWNER]],
  [`code = coalesce(${C}, '{}')::json ->> 'tenant'`, [['tenant']], ['code=a']],
  [`tenant = ${C}::json::jsonb -> 'app' ->> 'tenant'`, [['app', 'tenant']], ['tenant=b']],
  [`n = (${C}::json ->> 'n')::int`, [['n']], ['n=3']],
  [`big = (${C}::json ->> 'n')::int`, [['n']], ['big=3']],
  [`tenant = ${C}::json ->> 'none'`, [['none']], []],
  [`tenant = ${C}::json ->> 'tenant' and owner = (${C}::json ->> 'sub')::uuid`, [['sub'], ['tenant']], ['tenant=a']],
  [`shown or tenant = ${C}::json ->> 'tenant'`, [['tenant']], ['shown=true', 'tenant=a']],
  [`n > 3 or tenant = ${C}::json ->> 'tenant'`, [['tenant']], undefined],
  [`not (tenant = ${C}::json ->> 'tenant')`, [['tenant']], undefined],
  [`tenant in ('x', ${C}::json ->> 'tenant')`, [['tenant']], ['tenant=x', 'tenant=a']],
  [`tenant in (select jsonb_array_elements_text(${C}::jsonb -> 'teams'))`, [['teams']], undefined],
  [`tenant in (select x from jsonb_array_elements_text(${C}::jsonb -> 'teams') as f(x))`, [['teams']], undefined],
  [`coalesce(tenant = ${C}::json ->> 'tenant', false)`, [['tenant']], undefined],
  [`case when shown then true else tenant = ${C}::json ->> 'tenant' end`, [['tenant']], undefined],
  ['owner = auth.uid()', [['sub']], [OWNER]],
  ['owner = (select auth.uid())', [['sub']], [OWNER]],
  ['owner = auth.tree_uid()', [['sub']], [OWNER]],
  [`tenant = auth.jwt() -> 'app' ->> 'tenant'`, [['app', 'tenant']], ['tenant=b']],
  [`tenant = auth.claim('tenant')`, [['tenant']], ['tenant=a']],
  [`tenant = auth.strict_claim('tenant', 'x')`, [['tenant']], undefined],
  [`tenant = current_setting('request.jwt.claim.sub', true)`, [], undefined],
  [`tenant = nullif(current_setting('request.jwt.claim.sub', true), '')`, [], []],
  // Types and collations that only Postgres compares.
  [`fixed = ${C}::json ->> 'tenant'`, [['tenant']], undefined],
  [`loose = ${C}::json ->> 'tenant'`, [['tenant']], undefined],
  [`tenant = (${C}::json ->> 'tenant') collate public.caseless`, [['tenant']], undefined],
  [`tenant = ${C}::json ->> 'app'`, [['app']], undefined],
  [`owner = (${C}::json ->> 'tenant')::uuid`, [['tenant']], undefined],
  [`tenant = ${C}::json ->> 'é'`, 'whole', undefined],
  // These policies may read all claims.
  [`tenant = ${C}`, 'whole', undefined],
  [`tenant = nullif(${C}, '{}')::json ->> 'sub'`, 'whole', undefined],
  [`tenant = ${C}::json ->> code`, 'whole', undefined],
  [`tenant = ${C}::json #>> '{app,tenant}'`, 'whole', undefined],
  [`tenant = any (string_to_array(current_setting('a.b', true), ','))`, 'whole', undefined],
  [`tenant = current_setting('REQUEST.jwt.Claims', true)`, 'whole', undefined],
  [`tenant = current_setting(tenant, true)`, 'whole', undefined],
  ['tenant = current_user::text', 'whole', undefined],
  ['owner is null and now() > to_timestamp(n)', 'whole', undefined],
  [`now()::text = tenant`, 'whole', undefined],
  [`tenant::public.mood = 'good'`, 'whole', undefined],
  [`tenant OPERATOR(public.@@@) 'a'`, 'whole', undefined],
  ['exists (select from public.tenants s where s.name = owned.tenant)', 'whole', undefined],
  [`pg_has_role('anon', 'usage')`, 'whole', undefined],
  ['case when n = 1 then tenant = session_user else true end', 'whole', undefined],
  ['tenant = auth.hidden()', 'whole', undefined],
  ['auth.lies(tenant)', 'whole', undefined],
  ['tenant = auth.whole()', 'whole', undefined],
  [`tenant = auth.endless('x')`, 'whole', undefined],
  ['tenant = auth.set_other()', 'whole', undefined],
  // It still pins what is understood of it.
  [
    `tenant = auth.claim('tenant') and exists (select from public.tenants s where s.name = tenant)`,
    'whole',
    ['tenant=a'],
  ],
];

t.test('finds the claims that policies read and the values that they require', async (t) => {
  const table = await openOwnedTable();
  t.teardown(() => table.stop());
  for (const [using, claims, pins] of POLICIES) {
    const facts = await table.facts(using);
    t.strictSame(facts.dependencies.claims, claims, `${using} reads ${JSON.stringify(claims)}`);
    const { required } = rlsGroupKey(facts, identityOf(CLAIMS));
    const values = required?.map(({ column, key }) => `${column}=${key}`);
    t.strictSame(values, pins, `${using} requires ${pins}`);
  }

  t.test('joins several policies', async (t) => {
    const own = `tenant = ${C}::json ->> 'tenant'`;
    const reach = async (...policies: Parameters<typeof table.facts>) => {
      const facts = await table.facts(...policies);
      return [facts.dependencies.claims, rlsGroupKey(facts, identityOf(CLAIMS)).required?.map(({ key }) => key)];
    };
    t.strictSame(await reach(own, 'shown'), [[['tenant']], ['a', 'true']]);
    t.strictSame(await reach(own, 'true'), [[['tenant']], undefined]);
    t.strictSame(await reach('true', { using: own, permissive: false }), [[['tenant']], ['a']]);
    t.strictSame(await reach({ using: own, permissive: false }), [[['tenant']], []], 'nothing is permitted');
    t.strictSame(await reach(), [[], []]);
    t.strictSame(await reach(own, 'tenant = auth.hidden()'), ['whole', undefined]);
  });

  t.test('groups identities whose claims are equal where policies read them', async (t) => {
    const key = (facts: Awaited<ReturnType<typeof table.facts>>, claims: unknown) =>
      rlsGroupKey(facts, identityOf(claims)).key;
    const facts = await table.facts(`tenant = auth.jwt() -> 'app' ->> 'tenant'`);
    const ours = key(facts, CLAIMS);
    t.equal(key(facts, { ...CLAIMS, sub: 'another', exp: 2, app: { tenant: 'b', more: 1 } }), ours);
    t.not(key(facts, { ...CLAIMS, app: { tenant: 'c' } }), ours);
    t.not(key(facts, { ...CLAIMS, app: 'b' }), ours);
    t.not(key(facts, { ...CLAIMS, name: '\u0000' }), ours, 'Postgres refuses these claims as a whole');
    const spaced = rlsGroupKey(facts, { role: 'authenticated', claims: `{"app": {"tenant": "b"}}` });
    t.equal(
      spaced.identity?.claims,
      `{"app": {"tenant": "b"}}`,
      'claims that are not as JSON.stringify writes them stay whole',
    );
    t.equal(rlsGroupKey(facts, identityOf(CLAIMS)).identity?.claims, '{"app":{"tenant":"b"}}');
    const proto = await table.facts(`tenant = auth.jwt() ->> '__proto__'`);
    const claims = JSON.parse('{"__proto__":"x","exp":1}') as unknown;
    t.equal(rlsGroupKey(proto, identityOf(claims)).identity?.claims, '{"__proto__":"x"}');
    t.equal(rlsGroupKey(proto, identityOf({})).identity?.claims, '{}');
  });

  t.test('treats ambiguous names and settings of the database as unknown', async (t) => {
    await table.facts('owner = auth.uid()');
    await table.sql(`create function public.current_setting(text, bool) returns text language sql as $$ select 'x' $$`);
    t.equal((await table.facts('owner = auth.uid()')).dependencies.claims, 'whole');
    t.not((await table.facts('owner = auth.tree_uid()')).dependencies.claims, 'whole', 'it is stored as what it meant');
    await table.sql('drop function public.current_setting(text, bool)');
    const before = (await table.facts('owner = auth.uid()')).version;
    await table.sql(
      `create or replace function auth.uid() returns uuid language sql stable as $$ select '${ANN}'::uuid $$`,
    );
    t.not((await table.facts('owner = auth.uid()')).version, before, 'another body is another version of the facts');
    await table.sql(`alter role anon set request.jwt.claim.sub = 'x'`);
    t.equal(
      (await table.facts(`tenant = current_setting('request.jwt.claim.sub', true)`)).dependencies.claims,
      'whole',
    );
    await table.sql('alter role anon reset request.jwt.claim.sub');
  });
});
