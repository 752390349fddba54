/** Aggregates, spreads and orders by embedded tables, compared with equivalent SQL of another form. */
import t from 'tap';
import { jsonAsRole } from '../../as-role.ts';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create table regions (id int primary key, name text);
  create table shops (id int primary key, region_id int references regions, name text, size int);
  create table sales (id int primary key, shop_id int references shops, amount numeric, tag json);
  insert into regions values (1, 'north'), (2, 'south');
  insert into shops values (1, 1, 'a', 10), (2, 1, 'b', 20), (3, 2, 'c', 30), (4, null, 'd', 40), (5, 2, 'a', 50);
  insert into sales select n, case when n % 6 = 0 then null else n % 6 end, n * 1.5 from generate_series(1, 30) n;
  create function neighbours(shops) returns setof shops rows 1 language sql stable as 'select * from shops where region_id = $1.region_id order by id';
  create function first_sales(int) returns setof int language sql stable as 'select id from sales where id <= $1 order by id';
  create function many() returns setof int language sql stable as 'select generate_series(1, 100)';
  create domain grade as int;
  create function shown(grade) returns json language sql immutable as $$ select to_json('grade ' || $1) $$;
  create cast (grade as json) with function shown(grade) as implicit;
  create table graded (id int primary key, grade grade);
  insert into graded values (1, 10), (2, 9), (3, 9);
  grant select on all tables in schema public to authenticated;`;
const gateway = await useGateway(t, { script, env: { DB_MAX_ROWS: '40' } });
const claims = { role: 'authenticated' };

async function ask(path: string, headers: Record<string, string> = {}) {
  const answer = await gateway.request(`/rest/v1/${path}`, { claims, headers });
  return { status: answer.status, body: JSON.parse(await answer.text()), range: answer.headers.get('content-range') };
}

const JOINED = 'sales s left join shops h on h.id = s.shop_id left join regions r on r.id = h.region_id';

t.test('aggregates across to-one spreads group as SQL does', async (t) => {
  const cases: [string, string][] = [
    [
      'sales?select=...shops(name),amount.sum()&order=shops(name)',
      `select h.name, sum(s.amount) from ${JOINED} group by h.name order by h.name`,
    ],
    [
      'sales?select=shop_id,...shops(size.max())&order=shop_id',
      `select s.shop_id, max(h.size) from ${JOINED} group by s.shop_id order by s.shop_id`,
    ],
    ['sales?select=...shops(...regions(name)),amount.sum()&order=shops(region_id)', ''],
    [
      'sales?select=...shops(region_id,...regions(region:name)),amount.sum()&order=shops(region_id)',
      `select h.region_id, r.name as region, sum(s.amount) from ${JOINED} group by 1, 2 order by h.region_id`,
    ],
    [
      'sales?select=...shops(name,...regions(ids:id.max())),n:id.count()&order=shops(name)',
      `select h.name, max(r.id) as ids, count(s.id) as n from ${JOINED} group by h.name order by h.name`,
    ],
    ['sales?select=...shops(...regions(n:count()))', `select count(r.id) as n from ${JOINED}`],
    [
      'sales?select=...shops(shops:count()),total:count()',
      `select count(h.id) as shops, count(*) as total from ${JOINED}`,
    ],
    [
      'sales?select=...shops!inner(name,size.sum())&shops.size=gt.10&order=shops(name)',
      `select h.name, sum(h.size) from sales s join shops h on h.id = s.shop_id and h.size > 10 group by h.name order by h.name`,
    ],
    [
      'sales?select=...shops(shop:name,largest:size.max()),amount.sum()&order=shops(name)',
      `select h.name as shop, max(h.size) as largest, sum(s.amount) from ${JOINED} group by 1 order by h.name`,
    ],
    [
      'shops?select=region_id,...sales(amount.sum())&order=id',
      `select region_id, coalesce((select json_agg(x) from (select sum(amount) from sales where shop_id = h.id) y(x)), '[]') as sum from shops h order by id`,
    ],
    [
      'shops?select=name,sales(amount.sum())&order=id',
      `select name, (select json_agg(y) from (select sum(amount) from sales where shop_id = h.id) y) as sales from shops h order by id`,
    ],
    [
      'sales?select=amount.sum(),shops(name)&shop_id=eq.1',
      `select sum(amount), (select json_build_object('name', name) from shops where id = 1) as shops from sales where shop_id = 1`,
    ],
  ];
  for (const [path, sql] of cases) {
    const { status, body } = await ask(path);
    if (sql === '') t.same([status, body.code], [400, '42803'], `${path}: the order is not of the group`);
    else t.same(body, await jsonAsRole(gateway.sql, claims, sql), path);
  }
});

t.test('count=exact counts the groups', async (t) => {
  t.equal((await ask('sales?select=count()', { prefer: 'count=exact' })).range, '0-0/1');
  t.equal((await ask('sales?select=amount.sum()&limit=1', { prefer: 'count=exact' })).range, '0-0/1');
  t.equal((await ask('sales?select=shop_id,count()&limit=2', { prefer: 'count=exact' })).range, '0-1/6');
});

t.test('rows are grouped and ordered by the value of a domain, and shown by its cast', async (t) => {
  t.same((await ask('graded?select=grade,count()&order=grade')).body, [
    { grade: 'grade 9', count: 2 },
    { grade: 'grade 10', count: 1 },
  ]);
});

t.test('an order by an embedded table reads the row that is shown', async (t) => {
  const { body } = await ask(
    'shops?select=id,regions(name)&regions.name=eq.south&order=regions(name).desc.nullslast,id',
  );
  t.same(body, [
    { id: 3, regions: { name: 'south' } },
    { id: 5, regions: { name: 'south' } },
    { id: 1, regions: null },
    { id: 2, regions: null },
    { id: 4, regions: null },
  ]);
  const nested = await ask('shops?select=id,regions(name,shops(id))&order=regions(name).desc,id&limit=2');
  t.same(
    nested.body.map(({ id }: { id: number }) => id),
    [4, 3],
    'an embed that has embeds of its own',
  );
  const aliased = await ask('shops?select=id,r:regions(name)&order=r(name).desc,id&limit=2');
  t.same(
    aliased.body.map(({ id }: { id: number }) => id),
    [4, 3],
  );
});

t.test('no parent is repeated', async (t) => {
  t.equal(
    (await ask('shops?select=id,neighbours(name)&limit=3')).body.length,
    3,
    'a computed to-one relationship with several rows',
  );
  t.same(
    (await ask('shops?select=id,...sales()&order=id')).body,
    [1, 2, 3, 4, 5].map((id) => ({ id })),
    'the spread of an empty embed',
  );
  t.same(
    (await ask('shops?select=id,sales()&order=id')).body,
    [1, 2, 3, 4, 5].map((id) => ({ id })),
    'an empty embed',
  );
  t.same(
    (await ask('shops?select=id,sales!inner()&sales.id=eq.1&order=id')).body,
    [{ id: 1 }],
    'an empty embed that filters',
  );
  t.same(
    (await ask('shops?select=id,sales()&sales=is.null&sales.id=eq.1&order=id')).body,
    [2, 3, 4, 5].map((id) => ({ id })),
  );
});

t.test('an empty select list returns rows without columns', async (t) => {
  t.same((await ask('regions?select=')).body, [{}, {}]);
  t.same((await ask('shops?select=id,regions(id,shops())&id=eq.1')).body, [{ id: 1, regions: { id: 1 } }]);
});

t.test('sets of scalars obey limit, offset and DB_MAX_ROWS', async (t) => {
  t.same((await ask('rpc/many?limit=2&offset=3')).body, [4, 5]);
  t.equal((await ask('rpc/many')).body.length, 40);
  const counted = await ask('rpc/many?limit=5', { prefer: 'count=exact' });
  t.same([counted.body.length, counted.range], [5, '0-4/100']);
  const posted = await gateway.request('/rest/v1/rpc/many?limit=3', { method: 'POST', body: '{}', claims });
  t.same(await posted.json(), [1, 2, 3]);
  const exported = await gateway.request('/rest/v1/rpc/many?limit=2', {
    claims,
    headers: { accept: 'application/json', prefer: 'export=stream' },
  });
  t.same(await exported.json(), [1, 2]);
});
