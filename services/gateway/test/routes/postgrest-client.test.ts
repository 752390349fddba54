/** The unmodified client of PostgREST's grammar, against a schema with every kind of relation, compared with SQL. */
import { readFile } from 'node:fs/promises';
import { PostgrestClient } from '@supabase/postgrest-js';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const script = await readFile(new URL('../relations.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script });
const { sql } = gateway;
const headers = { Authorization: `Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada' })}` };
// biome-ignore lint/suspicious/noExplicitAny: the tests' schema has no generated types.
const db = new PostgrestClient<any>(`${gateway.url}/rest/v1`, { headers });
// biome-ignore lint/suspicious/noExplicitAny: whatever a builder resolves to.
const rows = async (builder: PromiseLike<any>) => {
  const { data, error } = await builder;
  if (error) throw Object.assign(new Error(error.message), error);
  return data;
};

t.test('sends the address of the same answer in Content-Location', async (t) => {
  const at = async (path: string) => (await gateway.request(path, { headers })).headers.get('content-location');
  t.equal(await at('/rest/v1/projects'), '/rest/v1/projects');
  t.equal(await at('/rest/v1/projects?select=id&id=lte.2'), '/rest/v1/projects?id=lte.2&select=id');
  t.equal(await at('/rest/v1/projects?id=lte.2&select=%69d'), '/rest/v1/projects?id=lte.2&select=id');
});

t.test('reads rows with every kind of filter', async (t) => {
  t.same(await rows(db.from('clients').select()), await sql`select * from clients`);
  t.same(await rows(db.from('projects').select('id').eq('name', 'Doors')), [{ id: 2 }]);
  t.same(await rows(db.from('projects').select('id').neq('id', 1).gt('id', 1).lte('id', 3).order('id')), [
    { id: 2 },
    { id: 3 },
  ]);
  t.same(await rows(db.from('projects').select('id').in('id', [1, 3]).order('id')), [{ id: 1 }, { id: 3 }]);
  t.same(await rows(db.from('projects').select('id').like('name', '%oo%').order('id')), [
    { id: 2 },
    { id: 3 },
    { id: 4 },
  ]);
  t.same(await rows(db.from('projects').select('id').ilike('name', 'W%')), [{ id: 1 }]);
  t.same(await rows(db.from('projects').select('id').is('client_id', null)), [{ id: 4 }]);
  t.same(await rows(db.from('projects').select('id').not('client_id', 'is', null).order('id')), [
    { id: 1 },
    { id: 2 },
    { id: 3 },
  ]);
  t.same(await rows(db.from('projects').select('id').or('id.eq.1,and(id.gt.2,name.eq.Loose)').order('id')), [
    { id: 1 },
    { id: 4 },
  ]);
  t.same(await rows(db.from('projects').select('id').contains('tags', ['x'])), [{ id: 1 }]);
  t.same(await rows(db.from('projects').select('id').overlaps('tags', ['y', 'z']).order('id')), [{ id: 1 }, { id: 2 }]);
  t.same(await rows(db.from('projects').select('id').contains('data', { n: 4 })), [{ id: 4 }]);
  t.same(await rows(db.from('projects').select('id').textSearch('name', 'doors')), [{ id: 2 }]);
  t.same(await rows(db.from('projects').select('id').eq('mood', 'tense')), [{ id: 2 }]);
  t.same(await rows(db.from('projects').select('id').eq('data->>n', '2')), [{ id: 2 }]);
  t.same(await rows(db.from('projects').select('id').match({ id: 1, name: 'Windows' })), [{ id: 1 }]);
});

t.test('selects columns, aliases, casts and json paths', async (t) => {
  t.same(await rows(db.from('projects').select('key:id,label:name,budget::text').eq('id', 1)), [
    { key: 1, label: 'Windows', budget: '1000.5000' },
  ]);
  t.same(await rows(db.from('projects').select('data->a->b->2->>c,first:data->a->b->0').eq('id', 1)), [
    { c: 'deep', first: 1 },
  ]);
  t.same(await rows(db.from('projects').select('shout').eq('id', 1)), [{ shout: 'WINDOWS!' }], 'a computed column');
});

t.test('orders rows with nulls first or last, limits them, and selects ranges', async (t) => {
  t.same(
    (await rows(db.from('projects').select('id').order('started', { ascending: false, nullsFirst: false }))).map(
      (r: { id: number }) => r.id,
    ),
    [4, 2, 1, 3],
  );
  t.same(await rows(db.from('projects').select('id').order('id').range(1, 2)), [{ id: 2 }, { id: 3 }]);
  t.same(await rows(db.from('projects').select('id').order('id').limit(1)), [{ id: 1 }]);
});

t.test('embeds to-one, to-many, through junctions, of itself, by hint, spread, inner', async (t) => {
  t.same(await rows(db.from('projects').select('id,clients(name)').order('id')), [
    { id: 1, clients: { name: 'Acme' } },
    { id: 2, clients: { name: 'Acme' } },
    { id: 3, clients: { name: 'Globex' } },
    { id: 4, clients: null },
  ]);
  t.same(await rows(db.from('clients').select('name,projects(id,tasks(name))').order('id')), [
    {
      name: 'Acme',
      projects: [
        { id: 1, tasks: [{ name: 'Design' }, { name: 'Build' }] },
        { id: 2, tasks: [{ name: 'Paint' }] },
      ],
    },
    { name: 'Globex', projects: [{ id: 3, tasks: [{ name: 'Climb' }] }] },
    { name: 'Idle', projects: [] },
  ]);
  t.same(await rows(db.from('users').select('name,tasks(name)').eq('id', 1)), [
    { name: 'Ada', tasks: [{ name: 'Design' }, { name: 'Build' }] },
  ]);
  t.same(await rows(db.from('users').select('name,boss:boss_id(name)').eq('id', 2)), [
    { name: 'Bob', boss: { name: 'Ada' } },
  ]);
  t.same(await rows(db.from('users').select('name,reports:users(name)').eq('id', 1)), [
    { name: 'Ada', reports: [{ name: 'Bob' }, { name: 'Cyd' }] },
  ]);
  t.same(
    await rows(db.from('users').select('name,profiles(bio)').eq('id', 1)),
    [{ name: 'Ada', profiles: { bio: 'first' } }],
    'one to one',
  );
  t.same(
    await rows(
      db.from('messages').select('body,from:users!messages_sender_fkey(name),to:users!recipient(name)').eq('id', 1),
    ),
    [{ body: 'hi', from: { name: 'Ada' }, to: { name: 'Bob' } }],
  );
  t.same(await rows(db.from('projects').select('id,...clients(client:name)').eq('id', 1)), [{ id: 1, client: 'Acme' }]);
  t.same(
    await rows(db.from('clients').select('name,...projects(ids:id)').eq('id', 1)),
    [{ name: 'Acme', ids: [1, 2] }],
    'spread to-many',
  );
  t.same(await rows(db.from('clients').select('name,projects!inner(id)').eq('projects.name', 'Roofs')), [
    { name: 'Globex', projects: [{ id: 3 }] },
  ]);
  t.same(await rows(db.from('clients').select('name,projects()').not('projects', 'is', null).order('name')), [
    { name: 'Acme' },
    { name: 'Globex' },
  ]);
  t.same(
    await rows(db.from('clients').select('name,projects()').is('projects', null)),
    [{ name: 'Idle' }],
    'anti-join',
  );
  t.same(
    await rows(
      db
        .from('clients')
        .select('name,projects(id)')
        .eq('id', 1)
        .order('id', { referencedTable: 'projects', ascending: false })
        .limit(1, { referencedTable: 'projects' }),
    ),
    [{ name: 'Acme', projects: [{ id: 2 }] }],
  );
  t.same(
    (
      await rows(
        db
          .from('projects')
          .select('id,clients(name)')
          .order('clients(name)', { ascending: false, nullsFirst: false })
          .order('id'),
      )
    ).map((r: { id: number }) => r.id),
    [3, 1, 2, 4],
    'ordered by a related column',
  );
  t.same(
    await rows(db.from('project_names').select('name,clients(name)').eq('id', 1)),
    [{ name: 'Windows', clients: { name: 'Acme' } }],
    'through a view',
  );
  t.same(await rows(db.from('client_view').select('name,project_names(id)').eq('id', 2)), [
    { name: 'Globex', project_names: [{ id: 3 }] },
  ]);
  t.same(
    await rows(db.from('clients').select('name,projects_of(id)').eq('id', 2)),
    [{ name: 'Globex', projects_of: [{ id: 3 }] }],
    'computed, to-many',
  );
  t.same(
    await rows(db.from('projects').select('id,client_of(name)').eq('id', 1)),
    [{ id: 1, client_of: { name: 'Acme' } }],
    'computed, to-one',
  );
});

t.test('aggregates, grouped by the other columns, also in embeds and spreads', async (t) => {
  t.same(await rows(db.from('tasks').select('hours.sum(),count()')), [{ sum: 30, count: 5 }]);
  t.same(await rows(db.from('tasks').select('project_id,total:hours.sum()').order('project_id')), [
    { project_id: 1, total: 13 },
    { project_id: 2, total: 3 },
    { project_id: 3, total: 13 },
    { project_id: null, total: 1 },
  ]);
  t.same(await rows(db.from('projects').select('name,tasks(hours.max())').eq('id', 1)), [
    { name: 'Windows', tasks: [{ max: 8 }] },
  ]);
  t.same(
    await rows(db.from('projects').select('...clients(name),budget.sum()').order('clients(name)').limit(1)),
    [{ name: 'Acme', sum: 1250.5 }],
    'ordered by a column of the group',
  );
  t.same(
    await rows(db.from('projects').select('...clients(name),budget.sum()').order('clients(id)')).catch((e) => e.code),
    '42803',
    'ordering outside of the group is Postgres’s error',
  );
  t.same(await rows(db.from('tasks').select('count(),...projects(project:name)').eq('project_id', 1)), [
    { count: 2, project: 'Windows' },
  ]);
});

t.test('counts rows exactly and by the plan', async (t) => {
  const exact = await db.from('projects').select('id', { count: 'exact' }).limit(1);
  t.equal(exact.count, 4);
  t.equal(exact.status, 206);
  const head = await db.from('projects').select('*', { count: 'exact', head: true }).gt('id', 1);
  t.equal(head.count, 3);
  t.equal(head.data, null);
  t.ok(((await db.from('projects').select('id', { count: 'planned' })).count ?? 0) > 0);
  t.equal(
    (await db.from('clients').select('id,projects!inner(id)', { count: 'exact' })).count,
    2,
    'joins that filter are counted',
  );
});

t.test('returns one object for single and maybeSingle', async (t) => {
  t.same(await rows(db.from('clients').select('name').eq('id', 1).single()), { name: 'Acme' });
  const none = await db.from('clients').select('name').eq('id', 99).single();
  t.equal(none.error?.code, 'PGRST116');
  t.equal(none.status, 406);
  t.equal((await db.from('clients').select('name').eq('id', 99).maybeSingle()).data, null);
});

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

t.test('numbers keep all their digits', async (t) => {
  const text = await (await gateway.request('/rest/v1/projects?select=big,budget&id=in.(1,3)&order=id')).text();
  t.match(text, '9007199254740993');
  t.match(text, '12345678901234.5678');
});

t.test('returns CSV', async (t) => {
  const csv = await rows(db.from('projects').select('id,name,tags').eq('id', 1).csv());
  t.equal(csv, 'id,name,tags\n1,Windows,"{x,y}"');
});
