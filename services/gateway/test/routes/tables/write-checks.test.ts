/** A write that answers with an error has changed nothing, and an answer claims only what was done. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create table items (id bigint primary key, name text default 'unnamed', price numeric(20,4), made int default 5);
  insert into items (id, name) values (1, 'one'), (2, 'two');
  create table log (n int);
  create table keyed (id numeric primary key, v text);
  create table granted (id int primary key, a text, b text, secret text);
  insert into granted values (1, 'a', 'b', 's');
  create view items_view as select id, name from items;
  create table parted (id int primary key, name text) partition by range (id);
  create table parted_1 partition of parted for values from (0) to (100);
  insert into parted values (1, 'one');
  create sequence counter;
  create table counted (id bigint primary key default nextval('counter'), name text);
  create table owner (id int primary key);
  create table owned (id int primary key, owner_id int references owner deferrable initially deferred);
  create function answer(headers text, status text) returns int language plpgsql volatile as $$ begin
    insert into log values (1);
    perform set_config('response.headers', headers, true), set_config('response.status', status, true);
    return 7;
  end $$;
  create function remove(lowest bigint) returns setof items language sql volatile as 'delete from items where id >= lowest returning *';
  create function one_item() returns items language sql volatile as 'insert into log values (2); select * from items where id = 1';
  create function nothing() returns void language sql volatile as 'insert into log values (3)';
  create function tell() returns trigger language plpgsql as $$ begin perform set_config('response.headers', new.name, true); return new; end $$;
  create table told (id int primary key, name text);
  create trigger told before insert on told for each row execute function tell();
  grant select, insert, update, delete on items, log, keyed, told, items_view, parted, counted, owner, owned to authenticated;
  grant usage on sequence counter to authenticated;
  grant select (id, a, b), insert (id, a, b), update (id, a, b) on granted to authenticated;`;
const gateway = await useGateway(t, { script });
const { sql } = gateway;
const claims = { role: 'authenticated' };
const OBJECT = 'application/vnd.pgrst.object+json';

async function ask(path: string, method: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await gateway.request(`/rest/v1/${path}`, {
    method,
    claims,
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const parsed = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
  return { status: answer.status, body: parsed, headers: answer.headers };
}

const counts = async () =>
  (await sql`select (select count(*)::int from log) as log, (select count(*)::int from items) as items`)[0];

t.test('a malformed response.headers or response.status rolls the write back', async (t) => {
  const before = await counts();
  const malformed = [
    'x',
    '{"X-A": "1"}',
    '["x"]',
    '[{"X-A": 1}]',
    '[{"X-A": null}]',
    '[{"X A": "1"}]',
    '[{"X-A": "a\\nb"}]',
    '[{"X-A": "a\\u000ab"}]',
    '[{"Transfer-Encoding": "chunked"}]',
    '[{"content-length": "3"}]',
    '[{"Connection": "close"}]',
    '[{"X-A": "1"}',
    '[{"X-A": "1"},]',
    '[{"Tidemark": "0-0"}]',
  ];
  for (const headers of malformed) {
    const { status, body } = await ask('rpc/answer', 'POST', { headers, status: '' });
    t.same([status, body.code], [500, 'PGRST111'], headers);
    const inserted = await ask('told', 'POST', { id: 1, name: headers });
    t.same([inserted.status, inserted.body.code], [500, 'PGRST111'], `trigger: ${headers}`);
  }
  for (const status of ['x', '100', '101', '199', '600', '20', '2000']) {
    const answer = await ask('rpc/answer', 'POST', { headers: '', status });
    t.same([answer.status, answer.body.code], [500, 'PGRST112'], status);
  }
  t.same(await counts(), before);
  t.same(await sql`select id from told`, []);
});

t.test('well-formed response.headers are sent, repeated ones as separate lines', async (t) => {
  const headers = ' [{"Set-Cookie": "a=1"}, {"set-cookie": "b=\\"2\\""}, {"X-Word": "grün"} , {"X-Empty": ""}, {}]';
  const { status, headers: sent, body } = await ask('rpc/answer', 'POST', { headers, status: '203' });
  t.same([status, body], [203, '7']);
  t.same(sent.getSetCookie(), ['a=1', 'b="2"']);
  t.equal(Buffer.from(sent.get('x-word') ?? '', 'latin1').toString(), 'grün');
  t.equal((await ask('rpc/answer', 'POST', { headers: '[]', status: '204' })).body, '');
});

t.test('a request for one object is checked before the COMMIT, whatever is returned', async (t) => {
  await sql`insert into items (id, name) values (10, 'x'), (11, 'x')`;
  const before = await counts();
  for (const prefer of ['return=minimal', 'return=headers-only', 'return=representation']) {
    const headers = { accept: OBJECT, prefer };
    for (const [method, path, body] of [
      ['PATCH', 'items?id=gte.10', { name: 'changed' }],
      ['PATCH', 'items?id=eq.99', { name: 'changed' }],
      ['DELETE', 'items?id=gte.10', undefined],
      ['POST', 'items', [{ id: 20 }, { id: 21 }]],
    ] as const) {
      const answer = await ask(path, method, body, headers);
      t.same([answer.status, answer.body.code], [406, 'PGRST116'], `${method} ${path} ${prefer}`);
    }
  }
  const called = await ask('rpc/remove', 'POST', { lowest: 10 }, { accept: OBJECT });
  t.same([called.status, called.body.code], [406, 'PGRST116']);
  const filtered = await ask('rpc/one_item?id=eq.2', 'POST', {}, { accept: OBJECT });
  t.same([filtered.status, filtered.body.code], [406, 'PGRST116'], 'a row that is filtered away');
  t.same(await counts(), before);
  t.same(await sql`select distinct name from items where id >= 10`, [{ name: 'x' }]);
  t.equal((await ask('items?id=eq.10', 'PATCH', { name: 'one' }, { accept: OBJECT })).status, 204);
});

t.test('max-affected holds for functions', async (t) => {
  const prefer = 'handling=strict, max-affected=1';
  const refused = await ask('rpc/remove', 'POST', { lowest: 10 }, { prefer });
  t.same([refused.status, refused.body.code], [400, 'PGRST124']);
  t.equal((await sql`select id from items where id >= 10`).length, 2);
  const allowed = await ask('rpc/remove', 'POST', { lowest: 11 }, { prefer });
  t.same([allowed.status, allowed.headers.get('preference-applied')], [200, 'handling=strict, max-affected=1']);
  const scalar = await ask('rpc/answer', 'POST', { headers: '', status: '' }, { prefer });
  t.same([scalar.status, scalar.body.code], [400, 'PGRST128'], 'a function that returns no set');
});

t.test('tx=rollback checks deferred constraints', async (t) => {
  for (const prefer of ['tx=rollback', 'tx=rollback, return=representation']) {
    const { status, body } = await ask('owned', 'POST', { id: 1, owner_id: 99 }, { prefer });
    t.same([status, body.code], [409, '23503'], prefer);
  }
  t.equal(
    (await ask('owned?select=id', 'POST', { id: 1 }, { prefer: 'tx=rollback, return=representation' })).status,
    201,
  );
  t.same(await sql`select * from owned`, []);
});

t.test('missing=default gives PATCH the defaults of the columns that it lacks', async (t) => {
  const prefer = 'missing=default, return=representation';
  const { body, headers } = await ask(
    'items?id=eq.1&columns=name,price,made&select=name,price,made',
    'PATCH',
    { price: 1.5 },
    { prefer },
  );
  t.same(body, [{ name: 'unnamed', price: 1.5, made: 5 }]);
  t.match(headers.get('preference-applied'), /missing=default/);
  const without = await ask(
    'items?id=eq.1&columns=name,price&select=name,price',
    'PATCH',
    { price: 2 },
    { prefer: 'return=representation' },
  );
  t.same(without.body, [{ name: null, price: 2 }]);
});

t.test('PATCH and DELETE of a page are refused', async (t) => {
  for (const page of ['limit=1', 'offset=1', 'limit=1&order=id', 'after=', 'after=WyJpZC5hc2MiLCIxIl0']) {
    for (const [method, body] of [
      ['PATCH', { name: 'all' }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await ask(`items?id=gt.0&${page}`, method, body, { 'tidemark-unfiltered': 'allow' });
      t.same([answer.status, answer.body.code], [400, 'GATEWAY_WRITE_PAGE'], `${method} ${page}`);
    }
  }
  const rows = await ask('items?id=gt.0', 'PATCH', [{ name: 'a' }, { name: 'b' }]);
  t.same([rows.status, rows.body.code], [400, 'GATEWAY_PATCH_ROWS']);
  t.equal((await sql`select id from items where name in ('all', 'a', 'b')`).length, 0);
});

t.test('PUT compares keys as Postgres does, with all digits', async (t) => {
  const put = (id: string, body: string) => ask(`keyed?id=eq.${id}`, 'PUT', body, { prefer: 'return=representation' });
  t.same((await put('1.10', '{"id":1.10,"v":"a"}')).status, 201);
  t.same((await put('1.1', '{"id":1.10,"v":"b"}')).status, 200, 'equal numbers');
  t.same((await put('9007199254740995', '{"id":9007199254740995,"v":"c"}')).status, 201);
  for (const [id, body] of [
    ['9007199254740993', '{"id":9007199254740992,"v":"x"}'],
    ['0.1', '{"id":0.10000000000000001,"v":"x"}'],
    ['1', '{"v":"x"}'],
    ['1', '[{"id":1},{"id":1}]'],
    ['1', '[]'],
  ] as const) {
    const answer = await put(id, body);
    t.same([answer.status, answer.body.code], [400, 'PGRST115'], body);
  }
  const texts = await sql`select id::text, v from keyed order by id`;
  t.same(texts, [
    { id: '1.10', v: 'b' },
    { id: '9007199254740995', v: 'c' },
  ]);
  const paged = await ask('keyed?id=eq.1&limit=1', 'PUT', { id: 1 });
  t.same([paged.status, paged.body.code], [400, 'PGRST114']);
});

t.test('a Location has all digits', async (t) => {
  const { headers } = await ask('items', 'POST', '{"id":9007199254740995}', { prefer: 'return=headers-only' });
  t.equal(headers.get('location'), '/rest/v1/items?id=eq.9007199254740995');
});

t.test('an upsert needs no right to more than its columns, and tells inserts from updates', async (t) => {
  const merge = (table: string, body: unknown) => ask(table, 'POST', body, { prefer: 'resolution=merge-duplicates' });
  t.equal((await merge('granted', { id: 1, a: 'z', b: 'y' })).status, 200);
  t.equal(
    (
      await merge('granted', [
        { id: 1, a: 'z', b: 'y' },
        { id: 2, a: 'n', b: 'n' },
      ])
    ).status,
    201,
  );
  t.equal((await merge('items_view', { id: 1, name: 'v' })).status, 200, 'a view');
  t.equal((await merge('items_view', { id: 50, name: 'v' })).status, 201);
  t.equal((await merge('parted', { id: 1, name: 'v' })).status, 200, 'a partitioned table');
  t.equal((await merge('parted', { id: 2, name: 'v' })).status, 201);
  t.equal((await ask('parted?id=eq.2', 'PUT', { id: 2, name: 'w' })).status, 204);
  t.equal((await ask('parted?id=eq.3', 'PUT', { id: 3, name: 'w' })).status, 201);
  const operations = [1, 2, 60].map((id) => ({
    method: 'POST',
    path: '/rest/v1/parted',
    body: { id: id === 60 ? 4 : id, name: 't' },
    prefer: 'resolution=merge-duplicates',
  }));
  const together = await gateway.request('/api/v1/transaction', {
    method: 'POST',
    claims,
    body: JSON.stringify({ operations }),
  });
  const { results } = (await together.json()) as { results: { status: number }[] };
  t.same(
    results.map(({ status }) => status),
    [200, 200, 201],
    'each statement of a transaction counts its own rows',
  );
});

t.test('missing=default takes no value of a sequence that is not needed', async (t) => {
  const { status } = await ask(
    'counted?columns=id,name',
    'POST',
    [
      { id: 100, name: 'a' },
      { id: 101, name: 'b' },
    ],
    { prefer: 'missing=default' },
  );
  t.equal(status, 201);
  t.same(
    (
      await ask('counted?columns=id,name', 'POST', [{ name: 'c' }], {
        prefer: 'missing=default, return=representation',
      })
    ).body,
    [{ id: 1, name: 'c' }],
  );
});
