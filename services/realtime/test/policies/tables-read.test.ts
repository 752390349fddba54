/** Tests which tables policies read, and which of their rows can matter to a reader, as Postgres stores the policies. */
import t from 'tap';
import { requiredValues } from '../../src/policies/claim-equality.ts';
import { readClaims } from '../../src/policies/claim-paths.ts';
import type { TablesRead } from '../../src/policies/tables-read.ts';
import { ANN, openOwnedTable } from './owned-table.ts';

const CLAIMS = readClaims(JSON.stringify({ sub: ANN, tenant: 'a' })) ?? {};
const SUB = ANN.replaceAll('-', '');

const SETUP = `
create table public.teams (id int primary key, owner uuid, plan text);
create table public.members (team int, member uuid, role text, seen timestamptz, primary key (team, member));
create table public.secret (id int primary key);
create table public.parted (team int, member uuid) partition by list (team);
create table public.parted_1 partition of public.parted for values in (1);
alter publication tidemark add table public.teams, public.parted;
create view public.my_teams as select m.team from members m where m.member = auth.uid();
create view public.all_teams as select m.team from members m left join teams t on t.id = m.team;
create function public.is_member(of int) returns bool language plpgsql stable security definer as
  $$ begin return exists (select 1 from public.members where team = of and member = auth.uid()); end $$;
create function public.is_in(of int, who uuid) returns bool language sql stable security definer
  begin atomic select exists (select from members m where m.team = of and m.member = who); end;
create function public.through() returns bool language sql stable as $$ select is_member(1) $$;
create function public.put_together() returns bool language plpgsql stable as
  $$ declare found bool; begin execute 'select true from ' || 'sec' || 'ret' into found; return found; end $$;
create function public.compare(int, int) returns bool language sql stable begin atomic select exists (select from secret where id = $1); end;
create operator public.=== (leftarg = int, rightarg = int, function = public.compare);`;

const describe = (reads: TablesRead): string[] =>
  reads.tables.map(({ published, counted, columns, equalities, names }) => {
    const values =
      equalities && requiredValues(equalities, CLAIMS, columns)?.map(({ column, key }) => `${column}=${key}`);
    const tables = [...published.map(({ table }) => `${table}!`), ...counted.map(({ table }) => table)];
    return `${tables.join('+')} ${values ? `[${values.join(' ')}]` : 'any'} (${names.join(' ')})`;
  });

const MINE = `members [member=${SUB}]`;
const POLICIES: [policy: string, reads: string[], isOpen?: boolean][] = [
  ['true', []],
  [`owner = auth.uid() and tenant in ('a', 'b')`, []],
  [`exists (select from members m where m.team = n and m.member = auth.uid())`, [`${MINE} (team member)`]],
  [`n in (select team from members where auth.uid() = member and role <> 'x')`, [`${MINE} (team member role)`]],
  [
    `n = any (array(select m.team from members m where m.member::text = auth.jwt() ->> 'sub'))`,
    [`${MINE} (team member)`],
  ],
  [
    `exists (select from members m join teams t on t.id = m.team and m.member = auth.uid() where t.id = n)`,
    ['teams! any (id owner)', `${MINE} (team member)`],
  ],
  [
    `exists (select from teams t left join members m on m.team = t.id and m.member = auth.uid() where t.id = n)`,
    ['teams! any (id owner)', 'members any (team member)'],
  ],
  [
    `exists (select from members m where m.team = n and (m.member = auth.uid() or m.role = 'x'))`,
    ['members any (team member role)'],
  ],
  [`exists (select from members m where m.team = n and m.member = m.member)`, ['members any (team member)']],
  [
    `n in (select team from members where member = auth.uid()) or n in (select team from members where member = '${ANN}')`,
    [`members [member=${SUB} member=${SUB}] (team member)`],
  ],
  [`n in (select team from my_teams)`, [`${MINE} (team member)`]],
  [`n in (select team from all_teams)`, ['teams! any (id)', 'members any (team)']],
  ['is_in(n, auth.uid())', [`${MINE} (team member)`]],
  [`is_in(n, owner)`, ['members any (team member role)']],
  ['is_member(n)', ['members any (team member)']],
  ['through()', ['members any (team member)']],
  ['n === 1', ['secret any (id)']],
  ['put_together()', [], true],
  ['id < extract(epoch from now())', [], true],
  ["(select current_date) > date '2000-01-01'", [], true],
  [`n in (select team from parted where member = auth.uid())`, [`parted! [member=${SUB}] (team member)`]],
  [`n in (select team from parted_1)`, ['parted_1 any (team)']],
];

t.test('finds the tables that policies read', async (t) => {
  const owned = await openOwnedTable();
  t.teardown(() => owned.stop());
  await owned.sql(SETUP);
  for (const [policy, reads, isOpen = false] of POLICIES) {
    const facts = await owned.facts(policy);
    t.same(describe(facts.tablesRead), reads, policy);
    t.equal(facts.tablesRead.isOpen, isOpen, policy);
  }

  const before = await owned.facts('n in (select team from members where member = auth.uid())');
  await owned.sql(`alter table members enable row level security; create policy through_teams on members
    using (team in (select id from teams where owner = auth.uid()))`);
  const nested = await owned.facts('n in (select team from members where member = auth.uid())');
  t.same(
    describe(nested.tablesRead),
    [`teams! [owner=${SUB}] (id owner)`, `${MINE} (team member)`],
    'the policies of what is read are read too',
  );
  t.not(nested.version, before.version, 'and belong to the facts');
  await owned.sql(`create table public.parted_2 partition of public.parted for values in (2);
    alter publication tidemark drop table public.parted; alter publication tidemark add table public.parted where (team > 0)`);
  const partly = await owned.facts('n in (select team from parted)');
  t.same(describe(partly.tablesRead), ['parted_1+parted_2 any (team)'], 'what is not published whole is counted');
});
