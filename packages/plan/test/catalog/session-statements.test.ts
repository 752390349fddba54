/** Tests which functions are taken to leave something in their session, so that it is reset after each request. */
import type { SessionReset } from '@tidemark/db';
import t from 'tap';
import { loadCatalog } from '../../src/catalog/load.ts';
import { openPlanDatabase } from '../plan-database.ts';

const db = await openPlanDatabase(t, 'create table public.things (id int primary key, state text);');

async function changes(body: string): Promise<SessionReset> {
  await db.pools.admin.query(
    `create or replace function public.tried() returns void language plpgsql as $tried$ ${body} $tried$`,
  );
  return (await loadCatalog(db.pools.admin, ['public'])).changesSession;
}

t.test('functions that leave something in the session', async (t) => {
  for (const body of [
    `begin set app.x = '1'; end`,
    `begin\n -- a note\n set app.x = '1'; end`,
    `begin /* a note */ set app.x = '1'; end`,
    `begin if true then set app.x = '1'; end if; end`,
    `begin perform set_config('app.x', 'v', false); end`,
    `begin perform set_config('app.x', current_setting('app.y', true), false); end`,
    `begin perform set_config('app.x', 'v', true), set_config('app.y', 'v', false); end`,
    `begin perform pg_advisory_lock(1); end`,
    `begin create temp table t (id int); end`,
    `begin reset statement_timeout; end`,
    `begin discard temp; end`,
    `begin listen c; end`,
    `begin perform lastval(); end`,
  ]) {
    t.equal(await changes(body), 'settings', body);
  }
  for (const body of [`begin execute 'select 1'; end`, `begin prepare s as select 1; end`]) {
    t.equal(await changes(body), 'statements', body);
  }
});

t.test('functions that leave nothing', async (t) => {
  for (const body of [
    `begin set local app.x = '1'; end`,
    `begin set constraints all deferred; end`,
    `begin update public.things set state = 'a'; end`,
    `begin update public.things -- a note\n set state = 'a'; end`,
    `begin perform set_config('app.x', 'v', true); end`,
    `begin perform set_config('app.x', coalesce(nullif(current_setting('app.y', true), ''), 'v'), true); end`,
    `begin perform 1 from public.things where state = 'reset'; end`,
  ]) {
    t.equal(await changes(body), false, body);
  }
});
