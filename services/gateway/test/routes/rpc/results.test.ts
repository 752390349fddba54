/** Arguments and results of functions of every form. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create table items (id int primary key, name text);
  insert into items values (1, 'one'), (2, 'two'), (3, 'three');
  create function one_out(out x int) language sql stable as 'select 5';
  create function one_column(n int) returns table (x int) language sql stable as 'select generate_series(1, n)';
  create domain item as items;
  create function as_domain() returns item language sql stable as $$ select row(2, 'two')::items::item $$;
  create domain item_again as item;
  create function as_domains() returns setof item_again language sql stable as 'select (i.*)::item_again from items i';
  create function words(n int) returns setof text language sql volatile as $$ select 'w' || generate_series(1, n) $$;
  create function padded(code char(5), bits bit(3)) returns text language sql stable as $$ select code || '|' || bits $$;
  create function of_id(id int default 0) returns setof items language sql stable as 'select * from items where items.id >= $1';
  create function label(items) returns text language sql stable as $$ select $1.id || ':' || $1.name $$;
  create function unnamed(json) returns int language sql stable as 'select 1';
  create function unnamed(jsonb) returns int language sql stable as 'select 2';
  create function add(a int, b int default 1) returns int language sql stable as 'select a + b';
  create type part as (name text, size int);
  create function packed() returns table (id int, part part, doc json, list int[]) language sql stable as
    $$ values (1, row('bolt', 8)::part, '{"a": 1.0}'::json, array[7, 8]), (2, row('nut', 9)::part, '{"a": 2}', array[9]) $$;
  grant select on items to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated' };

async function ask(path: string, body?: unknown, headers: Record<string, string> = {}) {
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await gateway.request(`/rest/v1/rpc/${path}`, { claims, headers, ...post });
  return { status: answer.status, body: JSON.parse(await answer.text()), range: answer.headers.get('content-range') };
}

t.test('one OUT or TABLE column gives objects, which are filtered, ordered and paged', async (t) => {
  t.same((await ask('one_out')).body, { x: 5 });
  t.same((await ask('one_column?n=5&x=gt.2&order=x.desc&limit=2&select=y:x')).body, [{ y: 5 }, { y: 4 }]);
});

t.test('a domain over a row type is that row, and computed columns are columns of the rows', async (t) => {
  t.same((await ask('as_domain?select=name')).body, { name: 'two' });
  t.same((await ask('as_domains?select=name&id=eq.3')).body, [{ name: 'three' }]);
  t.same((await ask('of_id?select=label&order=label.desc&limit=1')).body, [{ label: '3:three' }]);
});

t.test('a path leads into composites, arrays and JSON of a result', async (t) => {
  t.same((await ask('packed?select=part->name,part->>size,doc->a,list->0&order=id&limit=1')).body, [
    { name: 'bolt', size: '8', a: 1, list: 7 },
  ]);
  t.same((await ask('packed?select=id&part->>name=eq.nut&order=part->size')).body, [{ id: 2 }]);
});

t.test('arguments keep their length, and a name may be an argument and a column', async (t) => {
  t.equal((await ask('padded?code=abc&bits=101')).body, 'abc|101');
  t.same((await ask('of_id?id=eq.2')).body, [{ id: 2, name: 'two' }]);
  t.same((await ask('of_id?id=3')).body, [{ id: 3, name: 'three' }]);
  t.same((await ask('of_id?id=2&id=lt.3')).body, [{ id: 2, name: 'two' }], 'both at once');
});

t.test('?columns= and arrays choose the arguments of a body', async (t) => {
  t.equal((await ask('add?columns=a', { a: 1, b: 5 })).body, 2);
  t.equal((await ask('add', [{ a: 1, b: 5 }, { a: 9 }])).body, 6);
  t.equal((await ask('unnamed', 7)).body.code, 'PGRST203');
  t.match((await ask('add', [])).body, { code: 'PGRST202', message: /function public.add without parameters/ });
});

t.test('NDJSON of values has a line for each, by every method', async (t) => {
  for (const [path, init] of [
    ['words?n=2', {}],
    ['words', { method: 'POST', body: '{"n":2}' }],
    ['words?n=3&limit=2', {}],
  ] as [string, RequestInit][]) {
    const headers = { accept: 'application/x-ndjson' };
    const answer = await gateway.request(`/rest/v1/rpc/${path}`, { claims, headers, ...init });
    t.equal(await answer.text(), '"w1"\n"w2"\n', path);
  }
});

t.test('counts and offsets of results', async (t) => {
  const exact = { prefer: 'count=exact' };
  t.equal((await ask('add?a=1', undefined, exact)).range, '0-0/1');
  t.same((await ask('of_id?offset=9', undefined, exact)).status, 416);
});
