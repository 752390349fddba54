/** Columns of views are traced to tables only where Postgres notes their origin; pages by key need a key that is proven unique. */
import t from 'tap';
import { jsonAsRole } from '../../as-role.ts';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create schema inner_tables;
  create table authors (id int primary key, name text);
  create table books (id int primary key, author_id int references authors, title text);
  create table inner_tables.prizes (id int primary key, name text);
  insert into authors values (1, 'Ada'), (2, 'Bob');
  insert into books values (1, 1, 'A1'), (2, 1, 'A2'), (3, 2, 'B1');
  insert into inner_tables.prizes select n, 'prize ' || n from generate_series(1, 5) n;
  -- The subquery's first column is the author; the view's first column is the number of books.
  create view counted as select s.books as id, a.name from authors a join (select author_id as a, count(*)::int as books from books group by 1) s on s.a = a.id;
  create view through_cte as with b as (select author_id, id, title from books) select b.id * 100 as author_id, b.title from b;
  create view united as select id, author_id, title from books union all select id + 100, author_id, title from books;
  create view shifted as select (select max(author_id) from books) as author_id, x.id as title from (select author_id as id, title from books) x;
  create view traced as with b as (select id, author_id as written_by from books) select b.written_by, b.id from b;
  create view joined as select a.id, a.name, b.title from authors a join books b on b.author_id = a.id;
  create view plain as select title, id from books where id > 0;
  create view nested as select id as number from plain;
  create view prizes as select * from inner_tables.prizes;
  create view sets as select id, unnest(array[1, 2]) as n from books;
  create view grouping as select id, count(*) from books group by grouping sets ((id), ());
  create materialized view kept as select id, title from books;
  create table parents (id int primary key, name text);
  create table children () inherits (parents);
  insert into parents values (1, 'p1'), (2, 'p2');
  insert into children values (1, 'c1'), (2, 'c2');
  create view of_parents as select id, name from parents;
  create table late (id int primary key, rank int);
  insert into late values (1, null), (2, 5), (3, null), (4, 1);
  do $$ begin
    if current_setting('server_version_num')::int >= 180000 then alter table late add constraint ranked not null rank not valid; end if;
  end $$;
  create domain filled as text not null;
  create table notes (id int primary key references authors, note filled);
  insert into notes values (1, 'noted');
  create view noted as select a.id, n.note from authors a left join notes n on n.id = a.id;
  create view authors_view as select id, name from authors;
  create table people (id int primary key, name text);
  create table clubs (id int primary key, name text);
  create table members (person int references people, club int references clubs, primary key (person, club));
  create view members_view as select * from members;
  insert into people values (1, 'P');
  insert into clubs values (1, 'C');
  insert into members values (1, 1);
  create table teams (id int primary key, name text);
  create table sponsors (sponsor_id int primary key, team_id int references teams, label text);
  create view team_sponsors as select t.id, t.name, s.sponsor_id, s.label from teams t left join sponsors s on s.team_id = t.id;
  create function insert_team() returns trigger language plpgsql as $$ begin
    insert into teams values (new.id, new.name);
    if new.sponsor_id is not null then insert into sponsors values (new.sponsor_id, new.id, new.label); end if;
    return new;
  end $$;
  create trigger insert_team instead of insert on team_sponsors for each row execute function insert_team();
  grant insert on teams, sponsors, team_sponsors to authenticated;
  grant select on all tables in schema public to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated' };

async function ask(path: string) {
  const answer = await gateway.request(path.startsWith('/') ? path : `/rest/v1/${path}`, { claims });
  return { status: answer.status, body: JSON.parse(await answer.text()), link: answer.headers.get('link') };
}

t.test('a column of an inner target list is no column of the view', async (t) => {
  for (const [view, other] of [
    ['counted', 'books'],
    ['through_cte', 'authors'],
    ['united', 'authors'],
  ] as const) {
    const { status, body } = await ask(`${view}?select=*,${other}(*)`);
    t.same([status, body.code], [400, 'PGRST200'], view);
  }
});

t.test('an origin through a CTE, a join or another view is a relationship', async (t) => {
  const author = (id: string) =>
    `(select row_to_json(a) from (select name from authors where id = ${id}) a) as authors`;
  t.same(
    (await ask('traced?select=id,authors(name)&order=id')).body,
    await jsonAsRole(gateway.sql, claims, `select id, ${author('written_by')} from traced order by id`),
  );
  t.same(
    (await ask('shifted?select=title,authors(name)&order=title')).body,
    await jsonAsRole(gateway.sql, claims, `select title, ${author('title')} from shifted order by title`),
  );
  t.same((await ask('joined?select=title,books(id)&id=eq.2')).body, [{ title: 'B1', books: [{ id: 3 }] }]);
});

t.test('pages by key are refused where two rows may have the same key', async (t) => {
  for (const relation of ['joined', 'united', 'counted', 'sets', 'grouping', 'parents', 'of_parents']) {
    const { status, body } = await ask(`${relation}?limit=2&after=`);
    t.same([status, body.code], [400, 'GATEWAY_KEYSET'], relation);
  }
});

async function pages(path: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  let next: string | null = path;
  while (next !== null) {
    const { status, body, link } = await ask(next);
    if (status !== 200) throw new Error(JSON.stringify(body));
    rows.push(...body);
    next = link === null ? null : (/<([^>]*)>/.exec(link)?.[1] ?? null);
  }
  return rows;
}

t.test('pages by key return each row once', async (t) => {
  for (const [relation, key, order] of [
    ['plain', 'id', ''],
    ['nested', 'number', ''],
    ['kept', 'id', ''],
    ['prizes', 'id', ''],
    ['late', 'id', 'rank'],
    ['late', 'id', 'rank.desc'],
  ]) {
    const sql = `select * from ${relation} order by ${order ? `${order?.replace('.', ' ')}, ` : ''}${key}${order?.endsWith('desc') ? ' desc' : ''}`;
    t.same(
      await pages(`${relation}?limit=1&after=${order ? `&order=${order}` : ''}`),
      await jsonAsRole(gateway.sql, claims, sql),
      `${relation} ${order}`,
    );
  }
});

t.test('a page by a NOT NULL domain of an outer join has the rows that are null', async (t) => {
  const { status, body } = await ask('noted?order=note&limit=1&after=');
  t.same([status, body.code], [400, 'GATEWAY_KEYSET'], 'the view joins');
  t.same((await ask('noted?order=note')).body.length, 2);
});

t.test('a row with several rows of its key in a view or a parent stays one row', async (t) => {
  t.equal((await ask('books?select=id,joined(title)&limit=10')).body.length, 3);
  t.equal((await ask('notes?select=note,joined(title)')).body.length, 1);
});

t.test('a view that shows a key does not make the key ambiguous', async (t) => {
  const expected = [{ id: 1, author: { name: 'Ada' } }];
  for (const name of ['author_id', 'books_author_id_fkey', 'authors']) {
    t.same((await ask(`books?select=id,author:${name}(name)&id=eq.1`)).body, expected, name);
  }
  t.same((await ask('books?select=id,authors_view(name)&id=eq.1')).body, [{ id: 1, authors_view: { name: 'Ada' } }]);
  t.same((await ask('people?select=name,clubs(name)&id=eq.1')).body, [{ name: 'P', clubs: [{ name: 'C' }] }]);
  t.same((await ask('people?select=name,clubs!members_view(name)&id=eq.1')).body, [
    { name: 'P', clubs: [{ name: 'C' }] },
  ]);
});

t.test('the Location of a row of a join has the keys of all its tables', async (t) => {
  const post = async (row: unknown) => {
    const init = { method: 'POST', body: JSON.stringify(row), claims, headers: { prefer: 'return=headers-only' } };
    return (await gateway.request('/rest/v1/team_sponsors', init)).headers.get('location');
  };
  t.equal(await post({ id: 1, sponsor_id: 7 }), '/rest/v1/team_sponsors?id=eq.1&sponsor_id=eq.7');
  const lone = await post({ id: 2 });
  t.equal(lone, '/rest/v1/team_sponsors?id=eq.2&sponsor_id=is.null');
  t.match((await ask(lone as string)).body, [{ id: 2, sponsor_id: null }], 'it is the address of the row');
});
