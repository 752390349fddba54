/** Tests that names of tables, columns and aliases in a request are never confused with generated names. */
import t from 'tap';
import { jsonAsRole } from '../../as-role.ts';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create table b_dev (id int primary key, name text);
  create table b_dev_1 (id int primary key references b_dev, name text);
  create table b_dev_row_2 (id int primary key references b_dev, b_dev_row_2 text);
  insert into b_dev values (1, 'one'), (2, 'two'), (3, 'three');
  insert into b_dev_1 values (1, 'child one'), (2, 'child two');
  insert into b_dev_row_2 values (1, 'x'), (2, null);
  create table odd (
    "_t" int primary key, "_new" text default 'n', "_written" text default 'w', "_k" text default 'k', "_n" int default 7, "_a" text default 'a',
    "_body" text default 'b', "_all" text default 'l', "_page" int default 1, "_rows" int default 2, c1 text default 'c', "aggregate_1" int default 4, body text default 'y'
  );
  create table "_body" (id int primary key, "_body" text);
  create table "_written" (id int primary key, odd int references odd, "_written" text);
  create table "_t" (id int primary key, "_t" int references odd);
  create table "_called" (id int primary key, "_called" text);
  create function "_args"("_args" int) returns setof "_called" language sql stable as 'select * from "_called" where id = $1';
  create function "_called"() returns setof "_called" language sql stable as 'select * from "_called"';
  insert into odd ("_t", "_n") values (10, 3), (20, 1), (30, 2);
  insert into "_t" values (1, 10), (2, 10), (3, 20);
  insert into "_called" values (1, 'one'), (2, 'two');
  grant select, insert, update, delete on all tables in schema public to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated' };

async function ask(path: string, init: RequestInit = {}) {
  const answer = await gateway.request(`/rest/v1/${path}`, { ...init, claims });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text), headers: answer.headers };
}

const write = (method: string, body: unknown, prefer = 'return=representation') => ({
  method,
  body: JSON.stringify(body),
  headers: { prefer },
});

t.test('reads whose names equal generated names answer as Postgres does', async (t) => {
  const parent = (child: string, columns: string) =>
    `select ${child}.id, (select row_to_json(r) from (select ${columns} from b_dev where b_dev.id = ${child}.id) r) as b_dev from ${child} order by ${child}.id`;
  const cases: [string, string][] = [
    ['b_dev_1?select=id,b_dev(name)&order=id', parent('b_dev_1', 'name')],
    ['b_dev_row_2?select=id,b_dev(id)&order=id', parent('b_dev_row_2', 'id')],
    [
      'b_dev?select=id,b_dev_row_2(b_dev_row_2)&order=id',
      'select b.id, (select row_to_json(r) from (select b_dev_row_2 from b_dev_row_2 r where r.id = b.id) r) as b_dev_row_2 from b_dev b order by id',
    ],
    ['odd?select=_t:_n&order=_t', 'select "_n" as "_t" from odd order by odd."_t"'],
    ['odd?select=_all:_t,_a&order=_n', 'select "_t" as "_all", "_a" from odd order by "_n"'],
    ['odd?select=*&order=_t', 'select * from odd order by "_t"'],
    ['odd?_t=eq.10&select=_t,_n', 'select "_t", "_n" from odd where "_t" = 10'],
    [
      'odd?select=_t,rows:_t(_t)&order=_t',
      'select o."_t", coalesce((select json_agg(json_build_object(\'_t\', x."_t") order by x.id) from "_t" x where x."_t" = o."_t"), \'[]\') as rows from odd o order by "_t"',
    ],
    ['_called?order=id', 'select * from "_called" order by id'],
    ['rpc/_args?_args=2', 'select * from "_called" where id = 2'],
    ['rpc/_called?order=id', 'select * from "_called" order by id'],
    ['rpc/_called?select=_called:id&order=id', 'select id as "_called" from "_called" order by id'],
  ];
  for (const [path, sql] of cases) {
    t.same((await ask(path)).body, await jsonAsRole(gateway.sql, claims, sql), path);
  }
  const csv = await gateway.request('/rest/v1/odd?select=_t:_n,body&order=_t&limit=2', {
    claims,
    headers: { accept: 'text/csv' },
  });
  t.equal(await csv.text(), '_t,body\n3,y\n1,y', 'csv');
  const counted = await ask('odd?select=_t:_n&limit=1', { headers: { prefer: 'count=exact' } });
  t.equal(counted.headers.get('content-range'), '0-0/3', 'counted');
});

t.test('pages by key keep their order when a column is shown under a generated name', async (t) => {
  for (const name of ['_n', '_page', '_rows', 'c1']) {
    const first = await ask(`odd?select=${name}:_n,key:_t&order=_t.desc&limit=2&after=`);
    t.same(
      first.body.map((row: { key: number }) => row.key),
      [30, 20],
      name,
    );
    const link = /<([^>]*)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const next = await gateway.request(link, { claims });
    t.same(
      JSON.parse(await next.text()).map((row: { key: number }) => row.key),
      [10],
      `${name}, next`,
    );
  }
});

t.test('writes of tables with such names return what they wrote', async (t) => {
  const made = await ask('odd?select=_t,_n,_new,_written,_k', write('POST', { _t: 40, _new: 'x', _k: 'y' }));
  t.same(made.body, [{ _t: 40, _n: 7, _new: 'x', _written: 'w', _k: 'y' }], 'insert');
  const location = await ask('odd', write('POST', { _t: 41 }, 'return=headers-only'));
  t.equal(location.headers.get('location'), '/rest/v1/odd?_t=eq.41', 'headers-only');
  const merged = await ask(
    'odd?select=_t,_new',
    write(
      'POST',
      [
        { _t: 40, _new: 'z' },
        { _t: 42, _new: 'q' },
      ],
      'return=representation,resolution=merge-duplicates',
    ),
  );
  t.same(
    [merged.status, merged.body],
    [
      201,
      [
        { _t: 40, _new: 'z' },
        { _t: 42, _new: 'q' },
      ],
    ],
    'merge',
  );
  const again = await ask(
    'odd?select=_new',
    write('POST', { _t: 40, _new: 'zz' }, 'return=representation,resolution=merge-duplicates'),
  );
  t.same([again.status, again.body], [200, [{ _new: 'zz' }]], 'only updated');
  t.same((await ask('odd?_t=eq.40&select=_new:_k', write('PATCH', { _written: 'p' }))).body, [{ _new: 'y' }], 'update');
  t.same(
    (await ask('_body?select=_body', write('POST', { id: 1, _body: 'v' }))).body,
    [{ _body: 'v' }],
    'insert _body',
  );
  t.same((await ask('_body?id=eq.1', write('PATCH', { _body: 'w' }))).body, [{ id: 1, _body: 'w' }], 'update _body');
  const embedded = await ask('_written?select=_written,odd(_k)', write('POST', { id: 1, odd: 40, _written: 'v' }));
  t.same(embedded.body, [{ _written: 'v', odd: { _k: 'y' } }], 'insert with an embed');
  t.same(
    (await ask('_body?id=eq.1&select=_body', { method: 'DELETE', headers: { prefer: 'return=representation' } })).body,
    [{ _body: 'w' }],
  );
});

t.test('inserts that are committed together return their own rows', async (t) => {
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      ask('odd?select=_t,_n,_k', write('POST', { _t: 100 + i, _n: i, _k: `k${i}` })),
    ),
  );
  made.forEach(({ body }, i) => {
    t.same(body, [{ _t: 100 + i, _n: i, _k: `k${i}` }]);
  });
  const keys = await Promise.all(
    Array.from({ length: 20 }, (_, i) => ask('odd', write('POST', { _t: 200 + i }, 'return=headers-only'))),
  );
  t.same(
    keys.map(({ headers }) => headers.get('location')),
    keys.map((_, i) => `/rest/v1/odd?_t=eq.${200 + i}`),
  );
});
