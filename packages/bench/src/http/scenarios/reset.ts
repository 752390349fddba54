/**
 * The cost of the session's reset. A database where some function may change its session (detected in the catalog) resets
 * the connection after each statement that may run it; another database has the same tables without such a function.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate, runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import type { Fixture } from '../fixture.ts';
import type { LoadRequest } from '../load/messages.ts';
import { postJson, type Scenario, spread } from '../scenario.ts';

const TABLES = join(import.meta.dirname, '..', '..', '..', 'sql', 'tables.sql');
const DATABASE = 'resetting';
const CALLED = `
  create or replace function public.add_one(n int) returns int language sql volatile as 'select n + 1';
  grant execute on function public.add_one to anon;`;
const CHANGES = `
  create or replace function public.leave() returns text language sql volatile as $$ select set_config('app.left', '1', false) $$;`;

function reset(name: string, title: string, requests: readonly LoadRequest[]): Scenario {
  return {
    name,
    title,
    connections: 50,
    async start(fixture) {
      await runScript(fixture.databaseUrl, CALLED);
      const env = { CACHE_BYTES: '0', DATABASE_REPLICA_URLS: '' };
      const [resetting, plain] = await Promise.all([
        fixture.gateway({ ...env, DATABASE_URL: await resettingDatabase(fixture) }),
        fixture.gateway(env),
      ]);
      return {
        gateway: { server: resetting, requests },
        baselines: [{ server: { ...plain, name: 'gateway without resets' }, requests, target: null }],
      };
    },
  };
}

async function resettingDatabase({ databaseUrl }: Fixture): Promise<string> {
  const url = new URL(databaseUrl);
  url.pathname = `/${DATABASE}`;
  const made = await withClient(databaseUrl, async (sql) => {
    const found = await sql`select from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql.unsafe(`create database ${DATABASE}`);
    return found.length === 0;
  });
  if (made) {
    await migrate(url.href);
    await runScript(url.href, `${await readFile(TABLES, 'utf8')}${CALLED}${CHANGES}`);
  }
  return url.href;
}

export const resetCall = reset(
  'reset-call',
  'calls of a function: the session is reset after each, or never',
  spread(100, 100).map((n) => postJson('/rest/v1/rpc/add_one', { n }, 200, String(n + 1))),
);

/** Tables with built-in types and policies without functions cannot change the session, and need no reset. */
export const resetRead = reset(
  'reset-read',
  'reads of a plain table beside such a function',
  spread(100, 10_000).map((id) => ({
    method: 'GET',
    path: `/rest/v1/items?id=eq.${id}`,
    status: 200,
    includes: `"item ${id}"`,
  })),
);
