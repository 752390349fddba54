/** A foreign database of sixty tables on Postgres 15, with exactly the documented rights, from doctor to remove. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@tidemark/client';
import { withClient } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import { useDebianPostgres } from '@tidemark/testing/debian-postgres';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { diagnose, linesOf } from '../src/doctor/doctor.ts';
import { databaseState } from './database-state.ts';
import { FOREIGN_SCHEMA, FOREIGN_TABLES } from './foreign-schema.ts';
import { tidemark } from './tidemark.ts';
import { launch, nothingLeft, type Running, temporaryHome } from './tidemark-up.ts';

const server = await useDebianPostgres(t);
const at = (user: string) => {
  const url = new URL(server);
  url.username = user;
  url.pathname = '/foreign';
  return url.href;
};
const administrator = at('postgres');
const app = at('app');
const run = <T = Record<string, unknown>>(as: string, text: string) =>
  withClient(as, async (sql) => [...(await sql.unsafe(text))] as T[]);

await run(server, 'create role app login');
await run(server, 'create database "foreign"');
await run(administrator, 'grant create on schema public to app; grant create on database "foreign" to app');
await run(app, FOREIGN_SCHEMA);
await run(administrator, 'revoke create on database "foreign" from app');

const SCHEMAS = ['public', 'erp'];
const EXPOSED = ['Artist', 'TrackList', 'posts', 'users', 'erp.orders', 'erp.order', 'erp.ledger'];
const LIVE = ['Artist', 'PlaylistTrack', 'posts', 'erp.orders', 'erp.order', 'erp.parties', 'erp.ledger'];
const options = { url: app, slot: 'tidemark', publication: 'tidemark', schemas: SCHEMAS, replicates: true };
const home = await temporaryHome(t);

t.test('from doctor to remove', { timeout: 400_000 }, async (t) => {
  const [counted] = await run<{ n: number }>(
    administrator,
    `select count(*)::int as n from pg_tables where schemaname in ('public', 'erp')`,
  );
  t.ok((counted?.n ?? 0) >= FOREIGN_TABLES, `${counted?.n} tables`);

  // These are the rights that infra/postgres/README.md lists for one login; doctor names each.
  for (const { kind, remedy } of await diagnose(options)) {
    if (kind === 'problem') await run(administrator, remedy as string);
  }
  const before = await databaseState(administrator);
  const findings = linesOf(await diagnose(options)).join('\n');
  t.notMatch(findings, 'problem:');
  t.match(findings, /\d+ tables in public; 0 readable by authenticated/);
  t.match(findings, /columns have types of the schema "contrib" \(citext\)[\s\S]*DB_EXTRA_SEARCH_PATH=public,contrib/);

  await first(t as Test);
  await second(t as Test);

  t.match(await tidemark(app, 'remove'), /Tidemark is removed$/);
  t.same(await databaseState(administrator), before, 'the database and its server are as they were');
});

async function first(t: Test): Promise<void> {
  const up = await start(t);
  for (const table of EXPOSED) t.match(await tidemark(app, 'expose', table, '--to', 'authenticated'), /is exposed/);
  await tidemark(app, 'expose', 'posts', '--to', 'authenticated', '--write');
  for (const table of LIVE) await tidemark(app, 'live', 'enable', table);
  const status = await tidemark(app, 'live', 'status');
  for (const table of LIVE) t.match(status, table.replace(/^erp\./, ''));

  const ask = await asUser(up);
  await until(async () => (await ask('Artist?select=Name&order=ArtistId')).status === 200, 'the table to be known');
  t.match(
    await ask('Artist?select=Name,Album(Title)'),
    { status: 403, body: { code: '42501' } },
    'a table that is not exposed',
  );
  t.same((await ask('Artist?select=Name&order=ArtistId')).body, [{ Name: 'AC/DC' }, { Name: 'Accept' }]);
  t.same((await ask('users')).body, [], 'its policy decides');
  t.same((await ask('orders', { headers: { 'accept-profile': 'erp' } })).body, []);
  t.match((await ask('posts', { method: 'POST', body: '{"position":1}' })).status, 201);
  await follows(t, up);
  await stop(t, up);
  t.match(up.output(), /the replication slot "tidemark" keeps WAL in your database/);
}

async function second(t: Test): Promise<void> {
  const up = await start(t);
  const ask = await asUser(up);
  t.equal(((await ask('posts?select=position')).body as unknown[]).length, 1);
  await follows(t, up);
  await stop(t, up);
}

const start = async (t: Test): Promise<Running> => {
  const env = { DATABASE_URL: app, DB_SCHEMAS: SCHEMAS.join(), DB_EXTRA_SEARCH_PATH: 'public,contrib' };
  const up = await launch(t, { home, env, args: ['--no-demo'] });
  await up.line(/^ready /);
  return up;
};

async function stop(t: Test, up: Running): Promise<void> {
  process.kill(up.child.pid as number, 'SIGINT');
  t.equal(await up.ended, 0);
  t.ok(await until(() => nothingLeft(home), 'its processes to end'));
}

/** A change by another program reaches a client that follows a table in mixed case. */
async function follows(t: Test, up: Running): Promise<void> {
  const client = createClient(`http://127.0.0.1:${up.port}`, { token: await tokenOf(up), WebSocket });
  const name = `Zappa ${Date.now()}`;
  for await (const event of client.from('Artist').select('ArtistId,Name').live()) {
    if (event.type === 'snapshot') {
      await run(
        app,
        `insert into "Artist" ("ArtistId", "Name") values ((select max("ArtistId") + 1 from "Artist"), '${name}')`,
      );
      continue;
    }
    t.match(event, { type: 'insert', row: { Name: name } });
    break;
  }
  client.close();
}

const tokenOf = async (up: Running): Promise<string> =>
  (JSON.parse(await readFile(join(up.home, 'credentials.json'), 'utf8')) as { user: string }).user;

async function asUser(up: Running) {
  const token = await tokenOf(up);
  return async (path: string, init: RequestInit = {}) => {
    const headers = { ...init.headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${up.port}/rest/v1/${path}`, { ...init, headers });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? null : JSON.parse(text)) as unknown };
  };
}
