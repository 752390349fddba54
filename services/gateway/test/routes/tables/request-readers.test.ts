/** Policies and views that read the request see its own headers, and no answer to another request. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create table tenants (id int primary key, tenant text);
  insert into tenants values (1, 'one'), (2, 'two');
  alter table tenants enable row level security;
  create policy by_header on tenants using (tenant = current_setting('request.headers', true)::json ->> 'x-tenant');
  create function tenant() returns text language sql stable as $$ select current_setting('request.headers', true)::json ->> 'x-tenant' $$;
  create table others (id int primary key, tenant_id int references tenants, tenant text);
  insert into others values (1, 1, 'one'), (2, 2, 'two');
  alter table others enable row level security;
  create policy by_function on others using (tenant = tenant());
  create view seen as select id from tenants;
  create view told as select current_setting('request.method', true) as method, current_setting('request.path', true) as path, tenant() as tenant;
  create table plain (id int primary key);
  insert into plain values (1);
  create function tag(plain) returns text language plpgsql stable as $$ begin
    perform set_config('response.headers', '[{"X-Tag": "' || $1.id || '"}]', true);
    return 'tagged';
  end $$;
  create view marked as select id, set_config('response.status', '203', true) as status from plain;
  grant select on all tables in schema public to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated' };

async function ask(path: string, tenant?: string, headers: Record<string, string> = {}) {
  const answer = await gateway.request(`/rest/v1/${path}`, {
    claims,
    headers: { ...(tenant && { 'x-tenant': tenant }), ...headers },
  });
  return { body: JSON.parse(await answer.text()), cache: answer.headers.get('cache-status') };
}

t.test('table reads show the rows of their own header', async (t) => {
  for (const [tenant, id] of [
    ['one', 1],
    ['two', 2],
    ['one', 1],
    [undefined, null],
  ] as const) {
    const rows = id === null ? [] : [{ id }];
    t.same((await ask('tenants?select=id', tenant)).body, rows);
    t.same((await ask('others?select=id', tenant)).body, rows, 'a policy that calls a function');
    t.same((await ask('tenants?select=id&limit=1&after=', tenant)).body, rows, 'a page by key');
    t.same(
      (await ask('others?select=tenants(id)', tenant)).body,
      rows.map((row) => ({ tenants: row })),
      'an embed',
    );
    t.same((await ask('told', tenant)).body, [{ method: 'GET', path: '/told', tenant: tenant ?? null }], 'a view');
  }
});

t.test('reads of other tables do not depend on headers', async (t) => {
  t.same((await ask('plain', 'one')).body, [{ id: 1 }]);
  t.not((await ask('plain', 'two')).cache, null);
});

t.test('a computed column and a view may set headers and the status of the response', async (t) => {
  for (let i = 0; i < 3; i += 1) {
    const tagged = await gateway.request('/rest/v1/plain?select=tag', { claims });
    t.same([tagged.headers.get('x-tag'), await tagged.json()], ['1', [{ tag: 'tagged' }]]);
    t.equal((await gateway.request('/rest/v1/plain', { claims })).headers.get('x-tag'), null);
    t.equal((await gateway.request('/rest/v1/marked', { claims })).status, 203);
  }
});

t.test('an absent header is not the text "undefined"', async (t) => {
  t.same((await ask('plain')).body, [{ id: 1 }]);
  const answer = await gateway.request('/rest/v1/plain', { claims, headers: { accept: 'undefined' } });
  t.equal(answer.status, 406);
});
