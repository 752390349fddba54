/** An environment file of PostgREST starts the gateway, with its minimal authenticator role. */
import { migrate } from '@tidemark/db';
import { SignJWT } from 'jose';
import t from 'tap';
import { readConfig } from '../src/config.ts';
import { ownNames } from '../src/postgrest-names.ts';
import { SECRET, useGateway } from './gateway-fixture.ts';

const SCHEMA = `
create schema api;
create schema tools;
create table api.notes (id int generated always as identity primary key, tenant text, body text);
alter table api.notes enable row level security;
create policy own on api.notes for select using (tenant = current_setting('request.jwt.claims')::json ->> 'tenant');
create policy write on api.notes for insert with check (true);
insert into api.notes (tenant, body) values ('a', 'one'), ('b', 'two');
create function api.setting(name text) returns text stable language sql as $$ select current_setting(name, true) $$;
create function tools.twice(n int) returns int immutable language sql as $$ select n * 2 $$;
create type tools.shade as enum ('dark', 'light');
create function api.four() returns int stable language plpgsql as $$ begin return twice(2); end $$;
create table public.outside (id int);
create function api.check_request() returns void language plpgsql as $$ begin
  if current_setting('request.headers', true)::json ->> 'x-refused' is not null then
    raise exception 'refused by the check' using errcode = '42501';
  end if;
  perform set_config('response.headers', '[{"x-checked": "yes"}]', true);
end $$;`;

t.test('a PostgREST environment', async (t) => {
  const gateway = await useGateway(t, { script: SCHEMA, env: { CACHE_BYTES: '0' } });
  const { sql, database } = gateway;
  const suffix = database.primaryUrl.split('/').at(-1);
  const [login, anon, member] = [`login_${suffix}`, `web_anon_${suffix}`, `web_user_${suffix}`];
  await sql.unsafe(`create role ${login} noinherit login password 'secret';
    create role ${anon} nologin; create role ${member} nologin; grant ${anon}, ${member} to ${login};
    grant usage on schema api to ${anon}, ${member}; grant select, insert on api.notes to ${member};
    grant usage on schema tools to ${anon}`);
  const uri = new URL(database.primaryUrl);
  uri.username = login;
  uri.password = 'secret';
  const env = {
    DATABASE_URL: '',
    DATABASE_REPLICA_URLS: '',
    JWT_SECRET: '',
    PGRST_DB_URI: uri.href,
    PGRST_DB_SCHEMAS: 'api',
    PGRST_DB_ANON_ROLE: anon,
    PGRST_DB_EXTRA_SEARCH_PATH: 'tools',
    PGRST_DB_PRE_REQUEST: 'api.check_request',
    PGRST_JWT_SECRET: SECRET,
    PGRST_JWT_ROLE_CLAIM_KEY: '.app.roles[0]',
    PGRST_APP_SETTINGS_GREETING: 'hello',
    PGRST_DB_CHANNEL_ENABLED: 'true',
    PGRST_SERVER_PORT: '',
    PORT: '0',
  };
  await t.rejects(
    gateway.another(env),
    { code: 'DB_LOGIN_RIGHTS', hint: /tidemark migrate --login/ },
    'the login lacks the rights at first',
  );
  await t.rejects(migrate(database.primaryUrl, { login: 'nobody_of_this_name' }), { code: 'DB_LOGIN_UNKNOWN' });
  await migrate(database.primaryUrl, { login });
  const url = await gateway.another(env);
  const token = await new SignJWT({ app: { roles: [member] }, tenant: 'a' })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
  const asMember = { authorization: `Bearer ${token}` };
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${url}/rest/v1/${path}`, { headers });

  t.same(
    await (await get('notes?select=body', asMember)).json(),
    [{ body: 'one' }],
    'the role is in the path of the claims',
  );
  t.equal((await get('notes')).status, 401, 'the anonymous role has no right to the table');
  t.same(await (await get('rpc/setting?name=app.settings.greeting')).json(), 'hello');
  t.same(await (await get('rpc/setting?name=search_path')).json(), '"api", "tools"');
  t.same(await (await get('rpc/four')).json(), 4, 'functions of the extra search path are found');
  t.equal((await get('outside')).status, 404, 'public is not exposed');

  const written = await fetch(`${url}/rest/v1/notes`, {
    method: 'POST',
    headers: {
      ...asMember,
      prefer: 'tx=rollback, missing=default, return=headers-only',
      'content-type': 'application/json',
    },
    body: '{"tenant":"a","body":"three"}',
  });
  t.equal(written.status, 201);
  t.notMatch(written.headers.get('preference-applied'), /tx=/, 'PGRST_DB_TX_END is commit by default');
  t.same(await (await get('notes?select=body&order=id', asMember)).json(), [{ body: 'one' }, { body: 'three' }]);
  t.match(await (await get('notes?select=count()', asMember)).json(), { code: 'PGRST123' }, 'no aggregates by default');

  const checked = await get('notes', asMember);
  t.equal(checked.headers.get('x-checked'), 'yes', 'the pre-request function sets headers of reads');
  t.equal(written.headers.get('x-checked'), 'yes', 'and of writes');
  const refused = await get('notes', { ...asMember, 'x-refused': '1' });
  t.match([refused.status, await refused.json()], [403, { message: 'refused by the check' }]);
  t.equal((await get('notes', { ...asMember, 'x-refused': '1', accept: 'text/csv' })).status, 403, 'and of exports');
  await sql.unsafe(`drop owned by ${login}, ${anon}, ${member}`);
});

t.test('names and units are translated, and what has no meaning is named', async (t) => {
  const { env, ignored, appSettings } = ownNames({
    PGRST_DB_POOL_ACQUISITION_TIMEOUT: '3',
    PGRST_SERVER_HOST: '!4',
    PGRST_LOG_LEVEL: 'crit',
    PGRST_DB_CHANNEL: 'pgrst',
    PGRST_JWT_SECRET: JSON.stringify({ kty: 'oct', k: 'aaaa' }),
    PGRST_APP_SETTINGS_Some_Name: 'x',
  });
  t.match(env, {
    DB_ACQUIRE_TIMEOUT_MS: '3000',
    HOST: '0.0.0.0',
    LOG_LEVEL: 'fatal',
    PORT: '3000',
    JWT_SECRET: 'aaaa',
    JWT_SECRET_IS_BASE64: 'true',
    DB_ANON_ROLE: 'none',
    TIDEMARK_FILES_DIR: '.tidemark/files',
  });
  t.same(ignored, ['PGRST_DB_CHANNEL']);
  t.same(appSettings, { 'app.settings.some_name': 'x' });
  t.throws(() => ownNames({ PGRST_DB_URI: 'postgres://a/b', DATABASE_URL: 'postgres://c/d' }), {
    code: 'CONFIG_INVALID',
  });
});

t.test('without an anonymous role, requests without a token are refused', async (t) => {
  const gateway = await useGateway(t, { env: { DB_ANON_ROLE: 'none' } });
  const response = await gateway.request('/rest/v1/projects');
  t.match([response.status, await response.json()], [401, { code: 'PGRST302' }]);
  t.equal((await gateway.request('/livez')).status, 200);
});

t.test('a token may name the anonymous role, whatever it is called', async (t) => {
  const base = { DATABASE_URL: 'postgres://x/y', JWT_SECRET: SECRET, TIDEMARK_FILES_DIR: '/tmp' };
  t.match(readConfig({ ...base, DB_ANON_ROLE: 'visitor' }).tokenRoles, /(^|,)visitor(,|$)/);
});
