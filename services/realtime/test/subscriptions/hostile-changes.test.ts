/** Subscribers that apply everything end equal to SELECT under their rights, whatever goes on beside them. */
import { until } from '@tidemark/testing';
import { ModelClient, rowsText } from '@tidemark/testing/live-checker';
import pg from 'pg';
import t, { type Test } from 'tap';
import { startTestRealtime, type TestRealtime, token } from '../test-realtime.ts';

interface Person {
  readonly sub: string;
  readonly role: string;
}

/** Follows the query as the person does, and compares with the same in SQL. */
function follow(t: Test, service: TestRealtime, query: string, person: Person, select: string) {
  const client = new ModelClient({
    url: () => service.url,
    query,
    token: () => token({ ...person }),
    mayRepeat: true,
    refusedMs: 100,
  });
  client.start();
  t.teardown(() => client.stop());
  const wanted = async () => {
    const connection = new pg.Client({ connectionString: service.database.primaryUrl });
    await connection.connect();
    try {
      await connection.query('begin');
      await connection.query(`select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`, [
        person.role,
        JSON.stringify(person),
      ]);
      const { rows } = await connection.query(`select to_jsonb(t) as row from (${select}) t`);
      return rowsText(rows.map(({ row }) => row));
    } finally {
      await connection.end();
    }
  };
  return {
    client,
    async agrees(ms = 20_000) {
      const text = await wanted();
      await until(
        () => client.text() === text,
        () =>
          `${query} as ${person.sub} to hold ${text.slice(0, 300)}; it ${client.state} and holds ${client.text().slice(0, 300)}; refusals ${client.refusals.slice(-3)}`,
        ms,
      );
    },
  };
}

const ann = { sub: 'ann', role: 'authenticated' };
const people = Array.from({ length: 30 }, (_, n) => ({ sub: `u${n}`, role: 'authenticated' }));

const ALL = `
create publication everything for all tables with (publish_via_partition_root = true, publish_generated_columns = stored);
create table public.first (id int primary key, n int);
grant select on public.first to authenticated;`;

t.test('under a publication of all tables, tables that come, change and go are followed', async (t) => {
  const service = await startTestRealtime(ALL, { RELAY_PUBLICATION: 'everything', DEFINITIONS_CHECK_MS: '200' });
  t.teardown(() => service.stop());
  const first = follow(t, service, 'first', ann, 'select * from first');
  await first.agrees();
  // Tables come, change, go and come again under those who already ask for them.
  const later = follow(t, service, 'later', ann, 'select * from later');
  await service.results(
    'create table later (id int primary key, n int); grant select on later to authenticated; insert into later values (1, 1)',
  );
  await service.sql('insert into first values (1, 1)');
  await Promise.all([first.agrees(), later.agrees()]);
  for (let n = 0; n < 5; n += 1) {
    await service.results(
      `drop table later; create table later (id int primary key, n int, c${n} text default 'x${n}'); grant select on later to authenticated; insert into later values (${n}, 1)`,
    );
    await service.sql(`update first set n = ${n}`);
  }
  await Promise.all([first.agrees(), later.agrees()]);
  await service.results(
    `create table parted (id int, grp int, primary key (id, grp)) partition by list (grp); create table parted_1 partition of parted for values in (1); grant select on parted to authenticated; insert into parted values (1, 1)`,
  );
  const parted = follow(t, service, 'parted', ann, 'select * from parted');
  await parted.agrees();
  await service.results(
    `create table parted_2 (id int, grp int not null, primary key (id, grp)); insert into parted_2 values (7, 2); alter table parted attach partition parted_2 for values in (2)`,
  );
  await parted.agrees();
  await service.results(`alter table parted detach partition parted_1; insert into parted_1 values (2, 1)`);
  await parted.agrees();
  await service.results(`alter table first set unlogged; insert into first values (5, 5)`);
  await until(
    () => first.client.refusals.some((code) => /NOT_LIVE|RT_/.test(code)),
    () => `a refusal; ${first.client.state} ${first.client.refusals}`,
  );
  await service.results(`alter table first set logged; insert into first values (6, 6)`);
  await first.agrees();
  t.pass();
});

const MEMBERS = `
create table public.members (team int, name text, primary key (team, name));
alter table public.members replica identity full;
create function public.in_team(team int) returns boolean language sql stable security definer as
  $$ select exists (select from members m where m.team = $1 and m.name = current_setting('request.jwt.claims', true)::json ->> 'sub') $$;
create table public.notes (id int primary key, team int, body text);
create table public.deep (id int primary key, team int, body text);
alter table public.notes replica identity full;
alter table public.deep replica identity full;
alter table public.notes enable row level security;
alter table public.deep enable row level security;
create policy shown on public.notes using (exists (select from members m where m.team = notes.team and m.name = current_setting('request.jwt.claims', true)::json ->> 'sub'));
create policy shown on public.deep using (in_team(team));
grant select on public.members, public.notes, public.deep to authenticated;
insert into public.notes select n, n % 20, 'b' from generate_series(1, 100) n;
insert into public.deep select n, n % 20, 'b' from generate_series(1, 100) n;
alter publication tidemark add table public.members, public.notes, public.deep;`;

t.test('clients end equal to SELECT after memberships change hundreds of times a second', async (t) => {
  const service = await startTestRealtime(MEMBERS, { LIVE_MEMBERSHIP_MS: '300' });
  t.teardown(() => service.stop());
  const all = people.map((person, n) => {
    const table = n % 2 ? 'notes' : 'deep';
    return follow(t, service, table, person, `select * from ${table}`);
  });
  await Promise.all(all.map((one) => one.agrees()));
  const until = Date.now() + 2_000;
  let changes = 0;
  await Promise.all(
    Array.from({ length: 4 }, async (_, writer) => {
      for (let n = writer; Date.now() < until; n += 4) {
        const name = `u${(n * 7) % people.length}`;
        const team = (n * 3) % 20;
        await service.sql(
          n % 3
            ? `insert into members values (${team}, '${name}') on conflict do nothing`
            : `delete from members where name = '${name}' and team % 4 = ${team % 4}`,
        );
        if (n % 10 === 0)
          await service.sql(
            `update notes set body = 'b${n}', team = ${team} where id = ${n % 100}; update deep set body = 'b${n}', team = ${team} where id = ${n % 100}`,
          );
        changes += 1;
        await new Promise((resolve) => setTimeout(resolve, 6));
      }
    }),
  );
  t.comment(`${changes} changes`);
  await Promise.all(all.map((one) => one.agrees()));
  t.pass();
});

t.test('clients that subscribe over and over while the table is altered end equal to SELECT', async (t) => {
  const service = await startTestRealtime(MEMBERS, { DEFINITIONS_CHECK_MS: '200' });
  t.teardown(() => service.stop());
  await service.sql(`insert into members select n, 'u0' from generate_series(0, 9) n`);
  const all = Array.from({ length: 12 }, () => follow(t, service, 'notes', people[0]!, 'select * from notes'));
  const until = Date.now() + 2_000;
  const loop = (async () => {
    for (let n = 0; Date.now() < until; n += 1) {
      const { client } = all[n % all.length]!;
      client.stop();
      client.start();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  for (let n = 0; Date.now() < until; n += 1) {
    await service.results(
      [
        `alter table notes add column c${n} int default ${n}; update notes set c${n} = -1 where id % 5 = ${n % 5}`,
        `alter policy shown on notes using (team % 3 <> ${n % 3}); select 1`,
        `alter table notes alter body type varchar(${20 + n}); select 1`,
        `alter table notes force row level security; truncate notes; insert into notes select n, n % 20, 'c${n}' from generate_series(1, 50) n`,
      ][n % 4]!,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await loop;
  await Promise.all(all.map((one) => one.agrees()));
  t.pass();
});
