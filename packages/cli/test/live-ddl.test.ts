/** The event triggers of `tidemark live`: installed where the login may, gone with `live disable --all`. */
import { migrate } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { disableAllLive, enableLive } from '../src/live/live.ts';

t.test('event triggers that announce changes of tables and policies', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const run = (text: string) => withClient(database.primaryUrl, (sql) => sql.unsafe(text));
  t.teardown(async () => {
    await run('drop owned by live_ddl_owner cascade; drop role live_ddl_owner');
    await database.drop();
  });
  await migrate(database.primaryUrl);
  await run(`
    create role live_ddl_owner login password 'secret';
    grant anon, authenticated, service_role, ops, tidemark_none to live_ddl_owner;
    grant usage, create on schema public to live_ddl_owner;
    grant usage on schema tidemark to live_ddl_owner;
    grant select, insert, update, delete on all tables in schema tidemark to live_ddl_owner;
    create table public.thing (id int primary key)`);
  const printed: string[] = [];
  const options = {
    url: database.primaryUrl,
    publication: 'tidemark',
    print: (line: string) => printed.push(line.trim()),
  };
  const triggers = async () => {
    const rows = await run('select evtname as name from pg_event_trigger order by 1');
    return rows.map((row) => row.name);
  };

  await enableLive(options, 'thing', false);
  t.same(await triggers(), ['tidemark_ddl', 'tidemark_drop']);
  t.match(printed.join('\n'), 'are announced by the event triggers');
  await run('alter table thing owner to live_ddl_owner; alter publication tidemark owner to live_ddl_owner');

  const url = new URL(database.primaryUrl);
  url.username = 'live_ddl_owner';
  url.password = 'secret';
  const owner = { ...options, url: url.href };
  for (const text of [
    'create or replace function tidemark_ddl.announce() returns event_trigger language plpgsql as $$ begin end $$',
    'drop function tidemark_ddl.announce() cascade',
    'create function tidemark_ddl.pg_logical_emit_message(boolean, text, text) returns int language sql as $$ select 1 $$',
  ]) {
    await t.rejects(
      withClient(url.href, (sql) => sql.unsafe(text)),
      { code: '42501' },
      'the function runs as whoever changes something: nobody else may touch it',
    );
  }
  printed.length = 0;
  await disableAllLive(owner);
  t.same(await triggers(), ['tidemark_ddl', 'tidemark_drop'], 'who may not take them away is told who may');
  t.match(printed.at(-1), /who made them may run: drop event trigger/);

  await disableAllLive({ ...options, dryRun: true });
  t.equal((await triggers()).length, 2);
  await disableAllLive(options);
  t.same(await triggers(), []);
  t.equal((await run(`select from pg_namespace where nspname = 'tidemark_ddl'`)).length, 0);

  printed.length = 0;
  await enableLive(owner, 'thing', false);
  t.same(await triggers(), [], 'without a superuser the table is live all the same');
  t.match(printed.join('\n'), 'are noticed within a second');
});
