/** A name in a request is a column or a computed column; and error texts name nothing that the caller's role may not use. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `${await readFile(new URL('../../relations.sql', import.meta.url), 'utf8')}
  create table payroll (id int primary key, project_id int references projects, salary int);
  create function payrolls() returns int language sql as 'select 1';
  revoke execute on function payrolls() from public;
  create function yearly(p payroll) returns int language sql stable as 'select p.salary * 12';
  create table accounts (id int primary key, owner text, email text unique, pin int check (pin > 0), secret_note text);
  alter table accounts enable row level security;
  create policy own on accounts using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub') with check (true);
  insert into accounts values (1, 'ada', 'ada@example.org', 1, 'x'), (2, 'bob', 'bob@example.org', 2, 'y');
  grant select (id, owner, email, pin), insert (id, owner, email, pin) on accounts to authenticated;
  grant insert on hidden to anon;
  create table big (id bigint primary key, v text);
  grant select, insert, update on big to authenticated;
  create type "constructor" as (a int);
  create table "__proto__" ("__proto__" text primary key, "constructor" text default 'd', "hasOwnProperty" "constructor");
  grant select, insert, update, delete on "__proto__" to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated', sub: 'ada' };

async function ask(path: string, init: RequestInit & { anonymous?: boolean } = {}) {
  const { anonymous, ...rest } = init;
  const answer = await gateway.request(path, { ...rest, ...(anonymous ? {} : { claims }) });
  const text = await answer.text();
  const tidemark = answer.headers.get('tidemark') ?? '';
  return { status: answer.status, text, tidemark, body: text === '' ? null : JSON.parse(text) };
}
const returning = { prefer: 'return=representation' };

t.test('a name that is no column never calls a function of Postgres', async (t) => {
  const write = (method: string, body?: object) => ({
    method,
    headers: returning,
    ...(body && { body: JSON.stringify(body) }),
  });
  const names = ['json_agg', 'row_to_json', 'to_json', 'pg_column_size', 'count', 'projects_of', 'md5'];
  for (const name of names) {
    const requests: [string, RequestInit?][] = [
      [`/rest/v1/projects?select=${name === 'count' ? 'x:count' : name}`],
      [`/rest/v1/projects?${name}=eq.1`],
      [`/rest/v1/projects?or=(id.eq.1,not.and(${name}.is.null,id.eq.2))`],
      [`/rest/v1/projects?order=${name}`],
      [`/rest/v1/projects?select=id&order=${name}.desc&after=`],
      [`/rest/v1/projects?select=x:${name}->a`],
      [`/rest/v1/projects?select=${name}.max()`],
      [`/rest/v1/clients?select=id,projects(x:${name})`],
      [`/rest/v1/clients?select=id,projects(id)&projects.${name}=eq.1`],
      [`/rest/v1/projects?select=id,clients(id)&order=clients(${name})`],
      [`/rest/v1/projects?select=id,...clients(x:${name})`],
      [`/rest/v1/clients?select=id,projects_of(x:${name})`],
      [`/rest/v1/rpc/list_projects?select=x:${name}`],
      [`/rest/v1/rpc/pairs?n=2&select=x:${name}`],
      [`/rest/v1/tasks?select=x:${name}`, write('POST', { name: 'never' })],
      [`/rest/v1/tasks?id=eq.1&select=x:${name}`, write('PATCH', { hours: 1 })],
      [`/rest/v1/tasks?${name}=eq.1`, write('PATCH', { hours: 1 })],
      [`/rest/v1/tasks?${name}=eq.1`, write('DELETE')],
    ];
    for (const [path, init] of requests) {
      const { status, body } = await ask(path, init);
      // The grammar knows the names of aggregates, and keyset paging has an error of its own.
      const known = ['42703', 'GATEWAY_KEYSET', 'PGRST100'];
      t.ok(status === 400 && known.includes(body.code), `${init?.method ?? 'GET'} ${path}: ${JSON.stringify(body)}`);
    }
  }
  const csv = await gateway.request('/rest/v1/projects?select=json_agg', { claims, headers: { accept: 'text/csv' } });
  t.equal(csv.status, 400, 'an export');
});

t.test('computed columns work wherever a column does', async (t) => {
  t.same((await ask('/rest/v1/projects?select=id,shout&shout=eq.ROOFS!')).body, [{ id: 3, shout: 'ROOFS!' }]);
  t.same((await ask('/rest/v1/projects?select=id&order=shout.desc&limit=1')).body, [{ id: 1 }]);
  t.same((await ask('/rest/v1/clients?select=projects(shout)&id=eq.2')).body, [{ projects: [{ shout: 'ROOFS!' }] }]);
  t.same((await ask('/rest/v1/projects?select=id&order=shout&limit=1&shout=like.D*')).body, [{ id: 2 }]);
  t.same((await ask('/rest/v1/rpc/first_project?select=shout')).body, { shout: 'WINDOWS!' });
  t.same((await ask('/rest/v1/rpc/list_projects?select=shout&shout=eq.ROOFS!')).body, [{ shout: 'ROOFS!' }]);
  const body = JSON.stringify({ id: 90, name: 'Nails' });
  const made = await ask('/rest/v1/projects?select=id,shout', { method: 'POST', headers: returning, body });
  t.same(made.body, [{ id: 90, shout: 'NAILS!' }]);
  const patch = { method: 'PATCH', headers: returning, body: '{"name":"Screws"}' };
  t.same((await ask('/rest/v1/projects?select=shout&shout=eq.NAILS!', patch)).body, [{ shout: 'SCREWS!' }]);
  t.equal((await ask('/rest/v1/projects?shout=eq.SCREWS!', { method: 'DELETE' })).status, 204);
});

t.test('casts are limited to types of values', async (t) => {
  const casts = [
    'regclass',
    'regproc',
    'regrole',
    '_regclass',
    'regtype',
    'payroll',
    '_payroll',
    'pg_class',
    'no_such',
  ];
  const texts = new Set<string>();
  for (const cast of casts) {
    const { status, body } = await ask(`/rest/v1/projects?select=x:id::${cast}`);
    t.match({ status, body }, { status: 400, body: { code: '42704' } }, cast);
    texts.add(body.message.replace(cast, ''));
    t.equal((await ask(`/rest/v1/projects?select=x:id.sum()::${cast}`)).status, 400, `${cast} of an aggregate`);
  }
  t.equal(texts.size, 1, 'whether there is such a type is not told');
  const row = (await ask('/rest/v1/projects?select=a:id::text,b:id::numeric,c:mood::mood,d:id::oid,e:id::_text')).body;
  t.equal(row.code, '42846', 'no cast from a number to an array, as Postgres says');
  t.same(
    (await ask('/rest/v1/projects?select=a:id::text,b:id::double precision,c:mood::mood,d:id::oid&id=eq.1')).body,
    [{ a: '1', b: 1, c: 'calm', d: '1' }],
  );
});

t.test('hints name what the role may use, and nothing else', async (t) => {
  t.match((await ask('/rest/v1/clientz')).body, { code: 'PGRST205', hint: /public\.clients'/ });
  t.match((await ask('/rest/v1/projects?select=nane')).body, {
    code: '42703',
    message: 'column projects.nane does not exist',
    hint: 'Perhaps you meant to reference the column "projects.name".',
  });
  t.match((await ask('/rest/v1/clients?select=id,projets(id)')).body, { code: 'PGRST200', hint: /'projects'/ });
  t.match((await ask('/rest/v1/rpc/list_project')).body, { code: 'PGRST202', hint: /list_projects/ });
  t.match((await ask('/rest/v1/users?select=id,messages(id)')).body, {
    code: 'PGRST201',
    hint: /messages_sender_fkey/,
  });
  const silent = async (path: string, code: string, secret: RegExp) => {
    const { text, body } = await ask(path);
    t.equal(body.code, code);
    t.notMatch(text, secret, path);
  };
  await silent('/rest/v1/payrol', 'PGRST205', /payroll/);
  await silent('/rest/v1/projects?select=id,payrol(id)', 'PGRST200', /payroll/);
  await silent('/rest/v1/rpc/payrollz', 'PGRST202', /payrolls\(/);
  await silent('/rest/v1/rpc/yearli', 'PGRST202', /payroll/);
  await silent('/rest/v1/rpc/yearly?a=1', 'PGRST202', /payroll/);
  const document = await ask('/openapi.json');
  t.equal(document.status, 200);
  t.notMatch(document.text, /payroll|yearly/, 'the document, of a computed column of a table without rights');
  t.match(document.text, /rpc\/shout/, 'it has computed columns of other tables');
  await silent('/rest/v1/accounts?select=secret_not', '42703', /secret_note/);
  const wrapped = await ask('/api/v1/transaction', {
    method: 'POST',
    body: JSON.stringify({ operations: [{ method: 'POST', path: '/rest/v1/task', body: {} }] }),
  });
  t.match(wrapped.body, { code: 'PGRST205', hint: /public\.tasks'/, details: /operations\[0\]/ });
});

t.test('details of a broken constraint are those that Postgres shows the role', async (t) => {
  const insert = (table: string, row: object, anonymous = false) =>
    ask(`/rest/v1/${table}`, { method: 'POST', body: JSON.stringify(row), anonymous });
  t.match((await insert('clients', { id: 1, name: 'again' })).body, {
    code: '23505',
    details: 'Key (id)=(1) already exists.',
  });
  const taken = await insert('accounts', { id: 9, owner: 'ada', email: 'bob@example.org', pin: 1 });
  t.match(taken.body, { code: '23505', details: null }, 'a policy applies');
  t.notMatch(taken.text, /bob/);
  const failing = await insert('accounts', { id: 9, owner: 'ada', email: 'new@example.org', pin: -1 });
  t.match(failing.body, { code: '23514', details: null });
  await gateway.sql`insert into hidden values (5) on conflict do nothing`;
  const unread = await insert('hidden', { id: 5 }, true);
  t.match(unread.body, { code: '23505', details: null }, 'no right to read the key');
});

t.test('a table, its columns and types may be called as the members of every object of JavaScript', async (t) => {
  const row = (key: string, value: string) => `{"__proto__":"${key}","constructor":"${value}"}`;
  const write = (method: string, path: string, body: string, type = 'application/json') =>
    ask(`/rest/v1/__proto__${path}`, { method, body, headers: { ...returning, 'content-type': type } });
  const select = 'select=__proto__,constructor';
  for (const [path, body, type, expected] of [
    [`?${select}`, row('a', 'one'), undefined, [row('a', 'one')]],
    [`?${select}`, `[${row('b', 'two')},${row('c', 'three')}]`, undefined, [row('b', 'two'), row('c', 'three')]],
    [`?${select}&columns=__proto__`, row('d', 'left out'), undefined, [row('d', 'd')]],
    [`?${select}`, '__proto__,constructor\ne,csv\n', 'text/csv', [row('e', 'csv')]],
    [`?${select}`, '__proto__=f&constructor=form', 'application/x-www-form-urlencoded', [row('f', 'form')]],
  ] as const) {
    const { status, text } = await write('POST', path, body, type);
    t.equal(status, 201, text);
    t.same(
      JSON.parse(text).map((one: object) => JSON.stringify(one)),
      expected,
    );
  }
  t.match(await write('PATCH', `?__proto__=eq.a&${select}`, '{"constructor":"1"}'), { text: `[${row('a', '1')}]` });
  const put = await write('PUT', `?__proto__=eq.b&${select}`, row('b', '2'));
  t.match(put, { text: `[${row('b', '2')}]` });
  t.match(await write('POST', '', '[{"__proto__":"x"},{"constructor":"x"}]'), { body: { code: 'PGRST102' } });
  const renamed = await ask(
    '/rest/v1/__proto__?select=constructor:__proto__,__proto__:constructor&__proto__=in.(a,b)&order=__proto__',
    { headers: { tidemark: put.tidemark } },
  );
  t.equal(
    renamed.text.replaceAll(/\s/g, ''),
    '[{"constructor":"a","__proto__":"1"},{"constructor":"b","__proto__":"2"}]',
  );
  const operations = [{ method: 'POST', path: '/rest/v1/__proto__', body: JSON.parse(row('g', 'batch')) }];
  const batch = await ask('/api/v1/transaction', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operations }),
  });
  t.equal(batch.status, 200, batch.text);
  const { tidemark } = batch;
  t.match(await ask('/rest/v1/__proto__?__proto__=eq.g', { headers: { tidemark } }), {
    status: 200,
    body: [{ constructor: 'batch' }],
  });
  const { body } = await ask('/openapi.json');
  const properties = body.components.schemas['public.__proto__'].properties;
  t.same(Object.keys(properties), ['__proto__', 'constructor', 'hasOwnProperty']);
  t.match(properties.hasOwnProperty, { description: 'of type constructor' });
});

t.test('a key beyond 2^53 keeps every digit', async (t) => {
  const send = (method: string, path: string, body: string, prefer: string) =>
    gateway.request(path, { claims, method, body, headers: { prefer, 'content-type': 'application/json' } });
  const posted = await send('POST', '/rest/v1/big', '{"id":9007199254740993}', 'return=headers-only');
  t.equal(posted.headers.get('location'), '/rest/v1/big?id=eq.9007199254740993');
  const put = (id: string, body: string) => send('PUT', `/rest/v1/big?id=eq.${id}`, body, 'return=minimal');
  t.equal((await put('9007199254740993', '{"id":9007199254740993,"v":"put"}')).status, 204);
  t.equal((await put('9007199254740993', '{"id":"9007199254740993","v":"put"}')).status, 204);
  t.equal((await put('9007199254740993', '{"id":9007199254740992,"v":"put"}')).status, 400);
  t.equal((await put('9007199254740992', '{"id":9007199254740993,"v":"put"}')).status, 400);
  t.equal((await put('1', '{"id":1,"v":"put"}')).status, 201);
});
