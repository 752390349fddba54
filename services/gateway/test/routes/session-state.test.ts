/** Tests that a request leaves nothing in its session for the next one, and that settings of roles and functions apply. */
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const script = `
  create sequence left_sequence;
  grant usage on sequence left_sequence to authenticated;
  create function leave() returns int language plpgsql volatile as $$ begin
    perform set_config('app.left', 'left', false), pg_advisory_lock(4711), set_config('work_mem', '1234kB', false);
    set timezone = 'Asia/Tokyo';
    execute 'prepare left_statement as select 1';
    perform nextval('left_sequence');
    create temp table left_over (id int);
    insert into left_over values (1);
    return 1;
  end $$;
  create function leave_by_read() returns text language plpgsql stable as $$ begin
    perform set_config('app.left', 'by read', false), pg_advisory_lock(4711);
    return 'done';
  end $$;
  create table things (id int primary key, note text);
  insert into things values (1, 'a');
  create function mark(things) returns text language plpgsql stable as $$ begin
    perform set_config('app.left', 'by column', false);
    return 'marked';
  end $$;
  create function left_triggered() returns trigger language plpgsql as $$ begin perform set_config('app.left', 'by trigger', false); return new; end $$;
  create trigger left_triggered before update on things for each row execute function left_triggered();
  create function left_by_default() returns text language plpgsql as $$ begin
    perform set_config('app.left', 'by default', false);
    return 'd';
  end $$;
  create table made (id int primary key, note text default left_by_default());
  create function found() returns json language sql volatile as $$
    select json_build_object('left', nullif(current_setting('app.left', true), ''), 'memory', current_setting('work_mem'),
      'zone', current_setting('TimeZone'), 'table', to_regclass('pg_temp.left_over'),
      'statements', (select count(*) from pg_prepared_statements where from_sql), 'style', current_setting('DateStyle'),
      'timeout', current_setting('statement_timeout'), 'user', current_user) $$;
  create function found_by_read() returns json language sql stable as 'select found()';
  grant select, insert, update on things, made to authenticated;
  grant temporary on database :"database" to authenticated;
  do $$ begin create role zoned; exception when duplicate_object then null; end $$;
  grant zoned to current_user;
  grant usage on schema public to zoned;
  grant select on things to zoned;
  alter role zoned in database :"database" set timezone = 'America/New_York';
  alter role zoned in database :"database" set "app.tenant" = 'seven';
  create function slow() returns void language sql volatile set statement_timeout = '100ms' as 'select pg_sleep(5)';
  create function setting() returns json language sql stable as $$ select json_build_object('zone', current_setting('TimeZone'), 'tenant', current_setting('app.tenant', true)) $$;
  create view noon as select '2026-06-01 12:00+00'::timestamptz as at;
  grant select on noon to authenticated, zoned;`;
const name = /:"database"/g;
const gateway = await useGateway(t, {
  script: `do $setup$ begin execute replace($script$${script.replaceAll('$$', '$body$').replace(name, '%database%')}$script$, '%database%', quote_ident(current_database())); end $setup$`,
  env: { JWT_ROLES: 'anon,authenticated,zoned', POOL_WRITE_MAX: '1', POOL_READ_MAX: '2' },
});
const claims = { role: 'authenticated' };

async function ask(path: string, init: RequestInit = {}, as: Record<string, unknown> = claims) {
  const answer = await gateway.request(`/rest/v1/${path}`, { claims: as, ...init });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text), headers: answer.headers };
}
const post = (path: string) => ask(path, { method: 'POST', body: '{}' });
const locks = async () =>
  (await gateway.sql`select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 4711`)[0]?.n;

t.test('a call leaves nothing for the next one on its connection', async (t) => {
  const before = (await post('rpc/found')).body;
  t.match(before, { left: null, table: null, statements: 0, user: 'authenticated' });
  for (let i = 0; i < 3; i += 1) {
    t.equal((await post('rpc/leave')).status, 200);
    t.same((await post('rpc/found')).body, before);
    t.equal(await locks(), 0);
  }
  await ask('things?id=eq.1', { method: 'PATCH', body: '{"note":"b"}' });
  t.same((await post('rpc/found')).body, before, 'a trigger');
  t.equal((await ask('made', { method: 'POST', body: '{"id":1}' })).status, 201);
  t.same((await post('rpc/found')).body, before, 'a default, in a group of inserts');
  const operations = [{ method: 'POST', path: '/rest/v1/rpc/leave', body: {} }];
  const together = await gateway.request('/api/v1/transaction', {
    method: 'POST',
    claims,
    body: JSON.stringify({ operations }),
  });
  t.equal(together.status, 200);
  t.same((await post('rpc/found')).body, before, 'a transaction');
  t.equal(
    (
      await ask('things?id=eq.1', {
        method: 'PATCH',
        body: '{"note":"c"}',
        headers: { prefer: 'handling=strict, max-affected=1' },
      })
    ).status,
    204,
  );
  t.same((await post('rpc/found')).body, before, 'a checked write');
});

t.test('a read leaves nothing either', async (t) => {
  for (let i = 0; i < 12; i += 1) {
    await ask('rpc/leave_by_read');
    await ask('things?select=mark');
    t.equal((await ask('rpc/found_by_read')).body.left, null);
  }
  const csv = await gateway.request('/rest/v1/things?select=mark', { claims, headers: { accept: 'text/csv' } });
  t.equal(await csv.text(), 'mark\nmarked');
  t.equal((await ask('rpc/found_by_read')).body.left, null);
  const [row] =
    await gateway.replica`select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 4711`;
  t.equal(row?.n, 0);
});

t.test('the settings of a role apply to its requests', async (t) => {
  const as = { role: 'zoned' };
  t.same((await ask('rpc/setting', {}, as)).body, { zone: 'America/New_York', tenant: 'seven' });
  t.same((await ask('noon', {}, as)).body, [{ at: '2026-06-01T08:00:00-04:00' }]);
  t.not((await ask('rpc/setting')).body.tenant, 'seven');
});

t.test('Prefer: timezone applies, also to cached reads', async (t) => {
  const zone = (timezone: string) => ask('noon', { headers: { prefer: `timezone=${timezone}` } });
  for (let i = 0; i < 2; i += 1) {
    const tokyo = await zone('Asia/Tokyo');
    t.same(
      [tokyo.body, tokyo.headers.get('preference-applied')],
      [[{ at: '2026-06-01T21:00:00+09:00' }], 'timezone=Asia/Tokyo'],
    );
    t.same((await zone('Asia/Kolkata')).body, [{ at: '2026-06-01T17:30:00+05:30' }]);
  }
  t.equal((await ask('rpc/setting', { headers: { prefer: 'timezone=Asia/Tokyo' } })).body.zone, 'Asia/Tokyo');
  t.equal(
    (await ask('rpc/setting', { headers: { prefer: 'timezone=Asia/Tokyo' } }, { role: 'zoned' })).body.zone,
    'Asia/Tokyo',
  );
});

t.test('the statement_timeout of a function ends it', async (t) => {
  const { status, body } = await post('rpc/slow');
  t.same([status, body.code], [504, '57014']);
});
