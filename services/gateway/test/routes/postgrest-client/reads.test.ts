/** Tests the reads of the unmodified client, compared with SQL. */
import t from 'tap';
import { openClient, rows } from './open-client.ts';

const { gateway, headers, db } = await openClient(t);
const { sql } = gateway;

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

t.test('numbers keep all their digits', async (t) => {
  const text = await (await gateway.request('/rest/v1/projects?select=big,budget&id=in.(1,3)&order=id')).text();
  t.match(text, '9007199254740993');
  t.match(text, '12345678901234.5678');
});

t.test('returns CSV', async (t) => {
  const csv = await rows(db.from('projects').select('id,name,tags').eq('id', 1).csv());
  t.equal(csv, 'id,name,tags\n1,Windows,"{x,y}"');
});
