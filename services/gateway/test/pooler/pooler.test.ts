/** A gateway whose DATABASE_URL leads through PgBouncer in transaction mode, with Postgres itself in DATABASE_DIRECT_URL. */
import { usePooler } from '@tidemark/testing/pooler';
import t, { type Test } from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const script = `
  create table notes (id int generated always as identity primary key, owner text default current_setting('request.jwt.claims', true)::json ->> 'sub', body text);
  alter table notes enable row level security;
  create policy own on notes using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
  create function leave() returns int language plpgsql volatile as $$ begin
    perform set_config('app.left', 'left', false), pg_advisory_lock(4713);
    return 1;
  end $$;
  create function found() returns json language sql volatile as $$ select json_build_object('left', nullif(current_setting('app.left', true), ''), 'user', current_user,
    'locks', (select count(*) from pg_locks where locktype = 'advisory' and objid = 4713)) $$;
  grant select, insert, update, delete on notes to authenticated;`;

t.test('behind PgBouncer', { timeout: 180_000 }, async (t) => {
  const direct = await useGateway(t as Test, { script });
  const { primaryUrl } = direct.database;
  const pooled = await usePooler(t as Test, primaryUrl, 'default_pool_size = 2');
  const env = { DATABASE_URL: pooled, DATABASE_DIRECT_URL: primaryUrl, DATABASE_REPLICA_URLS: '' };
  const url = await direct.another(env);
  const ask = async (sub: string, path: string, init: RequestInit = {}) => {
    const authorization = `Bearer ${await direct.token({ role: 'authenticated', sub })}`;
    const headers = { 'content-type': 'application/json', ...init.headers, authorization };
    const answer = await fetch(`${url}${path}`, { ...init, headers });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  };
  const post = (sub: string, path: string, body: unknown, headers = {}) =>
    ask(sub, path, { method: 'POST', body: JSON.stringify(body), headers });

  await t.test('concurrent users write and read their own rows', async (t) => {
    const users = Array.from({ length: 20 }, (_, n) => `u${n}`);
    const written = await Promise.all(
      users.flatMap((sub) => [1, 2, 3].map((n) => post(sub, '/rest/v1/notes', { body: `${sub} ${n}` }))),
    );
    t.same([...new Set(written.map(({ status }) => status))], [201]);
    const read = await Promise.all(users.map((sub) => ask(sub, '/rest/v1/notes?select=body&order=body')));
    t.same(
      read.map(({ body }) => body),
      users.map((sub) => [1, 2, 3].map((n) => ({ body: `${sub} ${n}` }))),
    );
  });

  await t.test('updates, transactions, Idempotency-Keys and exports', async (t) => {
    const prefer = { prefer: 'return=representation' };
    const patched = await ask('u1', '/rest/v1/notes?body=eq.u1 1&select=body', {
      method: 'PATCH',
      body: '{"body":"changed"}',
      headers: prefer,
    });
    t.same(patched, { status: 200, body: [{ body: 'changed' }] });
    const operations = [
      { method: 'POST', path: '/rest/v1/notes', body: { body: 'first' } },
      { method: 'POST', path: '/rest/v1/notes', body: { id: 1 } },
    ];
    t.equal((await post('u2', '/api/v1/transaction', { operations })).status, 400);
    t.same((await ask('u2', '/rest/v1/notes?body=eq.first')).body, [], 'all or nothing');
    const once = { ...prefer, 'idempotency-key': '"k1"' };
    const twice = [
      await post('u3', '/rest/v1/notes', { body: 'once' }, once),
      await post('u3', '/rest/v1/notes', { body: 'once' }, once),
    ];
    t.same(twice[0], twice[1]);
    const csv = await fetch(`${url}/rest/v1/notes?select=body&body=eq.once`, {
      headers: {
        accept: 'text/csv',
        authorization: `Bearer ${await direct.token({ role: 'authenticated', sub: 'u3' })}`,
      },
    });
    t.equal(await csv.text(), 'body\nonce');
  });

  await t.test('a call leaves nothing for the next one', async (t) => {
    for (let i = 0; i < 5; i += 1) {
      t.equal((await post('u1', '/rest/v1/rpc/leave', {})).status, 200);
      t.same((await post('u2', '/rest/v1/rpc/found', {})).body, { left: null, user: 'authenticated', locks: 0 });
    }
  });
});
