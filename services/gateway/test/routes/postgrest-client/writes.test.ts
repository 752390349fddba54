/** Tests the writes, functions and errors of the unmodified client, compared with SQL. */
import t from 'tap';
import { openClient, rows } from './open-client.ts';

const { gateway, headers, db } = await openClient(t);
const { sql } = gateway;

t.test('inserts one, many, with defaults, upserts, ignores duplicates', async (t) => {
  const one = await db.from('tasks').insert({ name: 'New', project_id: 1 }).select('name,hours,projects(name)');
  t.equal(one.status, 201);
  t.same(one.data, [{ name: 'New', hours: 1, projects: { name: 'Windows' } }]);
  t.same(
    await rows(
      db
        .from('tasks')
        .insert(
          [
            { id: 50, name: 'a', hours: 2 },
            { id: 51, name: 'b' },
          ],
          { defaultToNull: false },
        )
        .select('id,hours'),
    ),
    [
      { id: 50, hours: 2 },
      { id: 51, hours: 1 },
    ],
  );
  t.same(
    await rows(
      db
        .from('clients')
        .upsert([
          { id: 1, name: 'Acme Ltd' },
          { id: 9, name: 'Nine' },
        ])
        .select(),
    ),
    [
      { id: 1, name: 'Acme Ltd' },
      { id: 9, name: 'Nine' },
    ],
  );
  t.same(
    await rows(
      db.from('users').upsert({ id: 7, name: 'Ada' }, { onConflict: 'name', ignoreDuplicates: true }).select(),
    ),
    [],
  );
  const minimal = await db.from('clients').insert({ id: 10, name: 'Ten' });
  t.equal(minimal.status, 201);
  t.equal(minimal.data, null);
  const duplicate = await db.from('clients').insert({ id: 10, name: 'Again' });
  t.equal(duplicate.error?.code, '23505');
  t.equal(duplicate.status, 409);
  t.ok(duplicate.error?.hint);
  t.equal((await sql`select name from clients where id = 10`)[0]?.name, 'Ten');
});

t.test('updates and deletes what the filters name, and nothing without a filter', async (t) => {
  t.same(await rows(db.from('clients').update({ name: 'X' }).eq('id', 9).select()), [{ id: 9, name: 'X' }]);
  t.same(await rows(db.from('clients').delete().in('id', [9, 10]).select('id').order('id')), [{ id: 9 }, { id: 10 }]);
  const all = await db.from('tasks').delete();
  t.equal(all.error?.code, 'GATEWAY_UNFILTERED');
  t.equal((await db.from('clients').update({ name: 'none' }).eq('id', 12345)).status, 204);
  t.equal((await db.from('clients').update({ nosuch: 1 }).eq('id', 1)).error?.code, 'PGRST204');
  t.same(
    await rows(
      db
        .from('projects')
        .update({ data: { k: [1, { z: null }] }, tags: ['p', 'q"r'], big: '9007199254740995' })
        .eq('id', 4)
        .select('data,tags,big::text'),
    ),
    [{ data: { k: [1, { z: null }] }, tags: ['p', 'q"r'], big: '9007199254740995' }],
  );
});

t.test('calls functions', async (t) => {
  t.equal(await rows(db.rpc('add', { a: 1, b: 2 })), 3);
  t.equal(await rows(db.rpc('add', { a: 1 }, { get: true })), 11);
  t.same(
    await rows(db.rpc('list_projects', { min_id: 3 }).select('id,clients(name)').order('id', { ascending: false })),
    [
      { id: 4, clients: null },
      { id: 3, clients: { name: 'Globex' } },
    ],
  );
  t.same(await rows(db.rpc('list_projects').eq('id', 2).select('id')), [{ id: 2 }]);
  t.equal((await rows(db.rpc('first_project'))).id, 1);
  t.same(await rows(db.rpc('pairs', { n: 3 }).gt('i', 1)), [
    { i: 2, sq: 4 },
    { i: 3, sq: 9 },
  ]);
  t.equal(await rows(db.rpc('sum_all', { ns: [1, 2, 3] })), 6);
  t.same(await rows(db.rpc('echo', { any: ['thing'] })), { any: ['thing'] });
  t.equal((await rows(db.rpc('make_task', { name: 'made' }))).name, 'made');
  t.equal((await db.rpc('nothing')).status, 204);
  t.same(await rows(db.rpc('whoami')), { role: 'authenticated', sub: 'ada' });
  const failed = await db.rpc('fail_with', { code: 'teapot' });
  t.match(failed, { status: 418, error: { message: 'teapot', details: 'a detail', hint: 'a hint' } });
  const raw = (name: string, accept: string) =>
    gateway.request(`/rest/v1/rpc/${name}`, { headers: { ...headers, accept } });
  const bytes = await raw('some_bytes', 'application/octet-stream');
  t.equal(bytes.headers.get('content-type'), 'application/octet-stream');
  t.same([...new Uint8Array(await bytes.arrayBuffer())], [0, 255, 65], 'bytes as they are');
  const text = await raw('add?a=1&b=2', 'text/plain');
  t.match(text.headers.get('content-type'), 'text/plain');
  t.equal(await text.text(), '3');
  t.equal((await raw('list_projects', 'application/octet-stream')).status, 406, 'rows are not bytes');
  t.equal((await db.rpc('nope')).error?.code, 'PGRST202');
  t.equal((await db.rpc('pairs', { n: 5 }, { count: 'exact' }).limit(2)).count, 5);
});

t.test('a policy decides which rows are visible', async (t) => {
  t.same(await rows(db.from('secrets').select()), [{ id: 1, owner: 'ada', word: 'one' }]);
  const stolen = await db.from('secrets').insert({ id: 3, owner: 'bob', word: 'x' });
  t.equal(stolen.error?.code, '42501');
  t.equal(stolen.status, 403);
  t.equal((await db.from('hidden').select()).error?.code, '42501');
});

t.test('errors name the nearest table, column and relationship', async (t) => {
  const table = await db.from('project').select();
  t.match(table, { status: 404, error: { code: 'PGRST205', hint: "Perhaps you meant the table 'public.projects'" } });
  t.equal((await db.from('projects').select('nosuch')).error?.code, '42703');
  t.equal((await db.from('projects').select('id,users(name)')).error?.code, 'PGRST200');
  t.equal((await db.from('messages').select('id,users(name)')).error?.code, 'PGRST201');
  t.equal((await db.from('projects').select().eq('id', 'x')).error?.code, '22P02');
  t.equal((await db.from('projects').select().filter('id', 'nosuch', '1')).error?.code, 'PGRST100');
  for (const search of ['a b', '&', '(a'])
    t.match((await db.from('projects').select().textSearch('name', search)).error, { code: '42601', hint: /plfts/ });
});
