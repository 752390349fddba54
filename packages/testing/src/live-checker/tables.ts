export interface User {
  readonly sub: string;
  readonly groups: readonly number[];
}

export interface CheckedTable {
  readonly name: string;
  readonly sql: string;
  readonly users: boolean;
  mayShow(row: Readonly<Record<string, unknown>>, user: User | undefined): boolean;
}

/** One user for each set of groups except the empty one. */
export const USERS: readonly User[] = Array.from({ length: 15 }, (_, n) => ({
  sub: `user ${n}`,
  groups: [0, 1, 2, 3].filter((grp) => ((n + 1) >> grp) & 1),
}));

export const claimsOf = ({ sub, groups }: User) => ({ role: 'authenticated', sub, groups: groups.join() });

const rows = USERS.flatMap(({ sub, groups }) => groups.map((grp) => `('${sub}', ${grp})`));
export const MEMBERS = `
create function public.claim(name text) returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json ->> name $$;
create table public.members (name text, grp int, primary key (name, grp));
insert into public.members values ${rows.join()};
grant select on public.members to authenticated;
alter publication tidemark add table public.members;`;

/** The columns that everyone may read. */
export const COLUMNS = 'id,grp,n,word,born,version';
const isOfGroup = ({ grp }: Readonly<Record<string, unknown>>, user: User | undefined) =>
  user?.groups.includes(Number(grp)) === true;
const policy = (name: string, using: string) => `alter table public.${name} enable row level security;
create policy shown on public.${name} for select to authenticated using (${using});
grant select on public.${name} to authenticated;`;

export const TABLES: readonly CheckedTable[] = [
  {
    name: 'things',
    sql: 'grant select on public.things to anon, authenticated;',
    users: false,
    mayShow: () => true,
  },
  {
    name: 'sealed_things',
    sql: `alter table public.sealed_things add column secret text not null default 'secret';
grant select (${COLUMNS}) on public.sealed_things to anon, authenticated;`,
    users: false,
    mayShow: (row) => row.secret === undefined,
  },
  {
    name: 'shown_things',
    sql: policy('shown_things', 'grp <> 3'),
    users: true,
    mayShow: ({ grp }) => grp !== 3,
  },
  {
    name: 'claimed_things',
    sql: policy('claimed_things', `grp::text = any (string_to_array(public.claim('groups'), ','))`),
    users: true,
    mayShow: isOfGroup,
  },
  {
    name: 'member_things',
    sql: policy(
      'member_things',
      `exists (select from public.members m where m.grp = member_things.grp and m.name = public.claim('sub'))`,
    ),
    users: true,
    mayShow: isOfGroup,
  },
];
