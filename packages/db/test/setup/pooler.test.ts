/**
 * A real PgBouncer (Debian's package) between: refused with what to do where it is taken for Postgres; requests pass it in
 * transactions that carry all that a session would have, where Postgres itself is named as well.
 */
import { useTestStack } from '@tidemark/testing';
import { usePooler } from '@tidemark/testing/pooler';
import t, { type Test } from 'tap';
import { openDatabase } from '../../src/database.ts';
import { checkServer } from '../../src/setup/check-server.ts';
import { migrate } from '../../src/setup/migrate.ts';
import { withConnection } from '../../src/setup/with-connection.ts';
import type { SessionReset } from '../../src/types.ts';

const { primaryUrl } = await useTestStack();
const IGNORED = 'ignore_startup_parameters = intervalstyle, bytea_output, extra_float_digits, statement_timeout';

t.test('refuses a pooler that does not take the settings of a session', async (t) => {
  const url = await usePooler(t as Test, primaryUrl);
  await t.rejects(checkServer(url), { code: 'DB_POOLER', message: /pooler.*unsupported startup parameter/ });
  await t.rejects(openDatabase({ primaryUrl: url, applicationName: 'test' }), {
    code: 'DB_POOLER',
    hint: /DATABASE_DIRECT_URL/,
  });
});

t.test('recognises a pooler that ignores the settings of a session', async (t) => {
  const url = await usePooler(t as Test, primaryUrl, IGNORED);
  await t.rejects(checkServer(url), { code: 'DB_POOLER', hint: /DATABASE_URL/ });
  t.equal(await withConnection(url, 'test', async (_query, server) => server.isBehindPooler), true);
  t.equal(await withConnection(primaryUrl, 'test', async (_query, server) => server.isBehindPooler), false);
});

t.test('with Postgres itself beside it, requests on the primary use the pooler', { timeout: 120_000 }, async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  t.teardown(() => database.drop());
  await migrate(database.primaryUrl);
  // All clients share one session of the server, so the next one finds whatever a transaction leaves behind.
  const pooledUrl = await usePooler(t as Test, database.primaryUrl, 'default_pool_size = 1');
  const db = await openDatabase({
    primaryUrl: database.primaryUrl,
    pooledUrl,
    applicationName: 'test',
    settings: { work_mem: '5MB' },
  });
  t.teardown(() => db.close());
  for (const text of [
    `create table public.things (id int primary key, at timestamptz default '2026-06-01 12:00+00', bytes bytea default '\\x00ff')`,
    'grant select, insert on public.things to authenticated',
    `grant temporary on database "${new URL(database.primaryUrl).pathname.slice(1)}" to authenticated`,
  ]) {
    await db.pools.admin.query(text);
  }
  const identity = { role: 'authenticated', claims: '{"sub":"ada"}', settings: { search_path: 'public' } };
  const LEFT = `select current_setting('request.jwt.claims', true) as claims, current_setting('work_mem') as memory,
    current_setting('app.left', true) as left, to_regclass('pg_temp.left_over')::text as table, current_user::text as user,
    (select count(*)::int from pg_locks where locktype = 'advisory' and objid = 4712) as locks`;
  const found = async (resetAfter: SessionReset = false) =>
    (await db.write({ identity, statements: [{ text: LEFT }], resetAfter })).results[0]?.[0];
  const clean = { claims: identity.claims, memory: '5MB', table: null, user: 'authenticated', locks: 0 };

  await t.test('concurrent writes and reads have their own identity and values', async (t) => {
    const ids = Array.from({ length: 40 }, (_, n) => n + 1);
    await Promise.all(
      ids.map((id) =>
        db.write({
          identity,
          statements: [{ text: 'insert into things (id) values ($1)', params: [String(id)] }],
        }),
      ),
    );
    const rows = await Promise.all(
      ids.map(async (id) => {
        const who = { role: id % 2 === 0 ? 'authenticated' : 'service_role', claims: `{"n":${id}}` };
        const text = `select current_setting('request.jwt.claims') as claims, current_user::text as role, interval '1 day'::text as day`;
        return (await db.write({ identity: who, statements: [{ text }] })).results[0]?.[0];
      }),
    );
    t.same(
      rows,
      ids.map((id) => ({ claims: `{"n":${id}}`, role: id % 2 === 0 ? 'authenticated' : 'service_role', day: '1 day' })),
    );
    const { rows: read, source } = await db.read<{ id: number; bytes: string }>({
      identity,
      statement: { text: `select id, bytes::text as bytes, at::text as at from things where id = $1`, params: ['7'] },
    });
    t.match([read, source], [[{ id: 7, bytes: '\\x00ff' }], 'primary']);
  });

  await t.test('a session is as it was, also after a function has changed it', async (t) => {
    t.match(await found(), clean);
    const leave = `select set_config('app.left', 'x', false), pg_advisory_lock(4712), set_config('work_mem', '9MB', false)`;
    const temp = 'create temp table left_over (id int)';
    await db.write({ identity, statements: [{ text: leave }, { text: temp }], resetAfter: 'statements' });
    t.match(await found(), clean);
    await db.transaction(
      async (tx) => {
        await tx.query(leave);
        await tx.query(temp);
      },
      { identity, resetAfter: 'statements' },
    );
    t.match(await found(), clean);
  });

  await t.test('a transaction is atomic, and its errors are those of Postgres', async (t) => {
    const insert = (id: string) => ({ text: 'insert into things (id) values ($1)', params: [id] });
    await t.rejects(db.write({ identity, statements: [insert('100'), insert('1')] }), { code: '23505' });
    await t.rejects(db.write({ identity, statements: [{ text: 'delete from things' }] }), { code: '42501' });
    await t.rejects(
      db.write({ identity, statements: [{ text: 'select pg_sleep(5)' }], timeoutMs: 100 }),
      { code: '57014' },
      'the time limit holds',
    );
    const { rows } = await db.read<{ n: number }>({
      identity,
      statement: { text: 'select count(*)::int as n from things where id = 100' },
    });
    t.same(rows[0]?.n, 0);
  });
});
