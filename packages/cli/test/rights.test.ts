/**
 * The rights that infra/postgres/README.md lists: with exactly these everything works, and each of them is needed, which is
 * shown by taking it away in turn.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBlueprint } from '@tidemark/blueprints';
import { checkServer, migrate, openDatabase, runScript } from '@tidemark/db';
import { createFileRegistry } from '@tidemark/files';
import { startTemporaryStack, withClient } from '@tidemark/local-stack';
import t from 'tap';
import { infraScript } from '../src/infra.ts';
import { enableLive } from '../src/live/live.ts';
import { prepareLocalRoles } from '../src/up/local-roles.ts';
import { root, temporaryHome } from './tidemark-up.ts';

const stack = await startTemporaryStack({ nats: false, replica: false });
t.teardown(() => stack.stop());
const superuser = stack.primary;

interface Failure {
  code?: string;
  message?: RegExp | string;
}

const as = (url: string, role: string, password: string) => {
  const changed = new URL(url);
  changed.username = role;
  changed.password = password;
  return changed.href;
};
const run = (url: string, text: string) => withClient(url, (sql) => sql.unsafe(text));

t.test('one login for everything: each right that it needs, taken away in turn', async (t) => {
  // Roles belong to the server, so this needs one that has none of them.
  const own = await startTemporaryStack({ nats: false, replica: false });
  t.teardown(() => own.stop());
  await own.primary.query('create database single');
  const administrator = own.primary.urlOf('single');
  await run(administrator, `create role app login password 'secret'`);
  const app = as(administrator, 'app', 'secret');
  await t.rejects(migrate(app), { message: /permission denied for database/ }, 'without CREATE on the database');
  await run(administrator, 'grant create on database single to app');
  await t.rejects(
    migrate(app),
    { code: 'DB_MIGRATION_FAILED', message: /permission denied to create role/, hint: /infra\/postgres\/roles\.sql/ },
    'without CREATEROLE, unless an administrator has made the roles',
  );
  await run(administrator, 'alter role app createrole; create role anon nologin noinherit');
  await t.rejects(
    migrate(app),
    { message: /permission denied to grant role "anon"/ },
    'without ADMIN on a role that is there',
  );
  await run(administrator, 'grant anon to app with admin option');
  await migrate(app);
  await t.rejects(
    loadBlueprint(app, 'matches'),
    { message: /permission denied for schema public/ },
    'without CREATE on public',
  );
  await run(administrator, 'grant create on schema public to app');
  t.equal(await loadBlueprint(app, 'matches'), true);
  await run(administrator, 'create table public.foreign_table (id int primary key)');
  const live = { url: app, publication: 'tidemark', print: () => {} };
  await t.rejects(enableLive(live, 'foreign_table', false), { message: /must be owner of table/ }, 'without the table');
  await run(administrator, 'alter table public.foreign_table owner to app');
  await enableLive(live, 'foreign_table', false);
  await t.rejects(checkServer(app), { code: 'DB_NO_REPLICATION' });
  await run(administrator, 'alter role app replication');
  await checkServer(app);
  t.equal((await run(app, `select pg_create_logical_replication_slot('s', 'pgoutput', true)`)).length, 1);
});

const home = await temporaryHome(t);
const administrator = superuser.url;

t.test('a login for each service: everything that they do as themselves, each right taken away in turn', async (t) => {
  const roles = await prepareLocalRoles(administrator, home);
  const owner = roles.owner(administrator);
  await migrate(owner);
  await loadBlueprint(owner, 'matches');
  await run(owner, 'create table own_table (id int)');
  const [place] = await run(
    owner,
    `select relnamespace::regnamespace::text as schema from pg_class where relname = 'own_table'`,
  );
  t.same(place?.schema, 'public', 'the schema `tidemark` is not the place of what the owner makes in psql');
  const [attributes] = await superuser.query<{ bad: string }>(
    `select string_agg(rolname, ' ') as bad from pg_roles where rolname like 'tidemark%' and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls)`,
  );
  t.equal(
    attributes?.bad,
    null,
    'none of them is a superuser, makes roles or databases, or passes by row-level security',
  );

  const login = (service: 'gateway' | 'realtime' | 'batch' | 'metrics') => roles.service(service, administrator);
  const file = { path: 'a', contentType: 'text/plain', size: 1, sha256: 'x', storageKey: 'k', owner: null };
  const withDatabase = async <T>(url: string, work: (db: Awaited<ReturnType<typeof openDatabase>>) => Promise<T>) => {
    const db = await openDatabase({ primaryUrl: url, applicationName: 'rights' });
    try {
      return await work(db);
    } finally {
      await db.close();
    }
  };
  const read = (role: string) => (url: string) =>
    withDatabase(url, (db) => db.read({ identity: { role, claims: '{}' }, statement: { text: 'select 1' } }));
  const open = (url: string) => withDatabase(url, async () => undefined);
  const registry = (url: string, work: (files: ReturnType<typeof createFileRegistry>) => Promise<unknown>) =>
    withDatabase(url, ({ pools }) => work(createFileRegistry(pools.write)));
  const output = (url: string) =>
    withDatabase(url, ({ pools }) =>
      pools.write.transaction((tx) =>
        createFileRegistry(pools.write).insert(tx, [{ ...file, path: `o${Math.random()}` }]),
      ),
    );
  const [made] = (await output(login('batch'))) as { id: string }[];
  const found = (url: string) =>
    registry(url, async (files) => {
      const asService = { role: 'service_role', claims: '{}' };
      if ((await files.find(asService, made?.id as string)) === undefined) throw new Error('hidden');
    });
  const sql = (text: string) => (url: string) => run(url, text);
  const refused: Failure = { code: '42501' };
  /** As the relay does (services/realtime/src/definitions/known-definitions.ts). */
  const writeDefinitions = sql(`
    with gone as (delete from tidemark.table_definitions where version = '')
    insert into tidemark.table_definitions values ('', 'a', '1', '0/1')
    on conflict (schema_name, table_name) do update set version = excluded.version`);
  /** A statement that revokes the right, one that grants it, the reason for it, a call that needs it, and its error without it. */
  const rights: [string, string, string, (url: string) => Promise<unknown>, Failure][] = [
    ...(['anon', 'authenticated', 'service_role', 'ops'] as const).flatMap((role) =>
      (['gateway', 'realtime', 'batch'] as const).map((service): (typeof rights)[number] => [
        `revoke ${role} from tidemark_${service}`,
        `grant ${role} to tidemark_${service}`,
        login(service),
        read(role),
        refused,
      ]),
    ),
    ...(['gateway', 'realtime', 'batch', 'metrics'] as const).flatMap((service): typeof rights => [
      [
        `revoke tidemark_none from tidemark_${service}`,
        `grant tidemark_none to tidemark_${service}`,
        login(service),
        open,
        { code: 'DB_ROLE_MISSING' },
      ],
      [
        `revoke usage on schema tidemark from tidemark_${service}`,
        `grant usage on schema tidemark to tidemark_${service}`,
        login(service),
        open,
        { message: /permission denied/ },
      ],
      [
        `revoke select on tidemark.epochs from tidemark_${service}`,
        `grant select on tidemark.epochs to tidemark_${service}`,
        login(service),
        open,
        { message: /permission denied for table epochs/ },
      ],
    ]),
    [
      'alter role tidemark_realtime noreplication',
      'alter role tidemark_realtime replication',
      login('realtime'),
      sql(`select pg_create_logical_replication_slot('r', 'pgoutput', true)`),
      refused,
    ],
    ...['select', 'insert', 'update', 'delete'].map((right): (typeof rights)[number] => [
      `revoke ${right} on tidemark.table_definitions from tidemark_realtime`,
      `grant ${right} on tidemark.table_definitions to tidemark_realtime`,
      login('realtime'),
      writeDefinitions,
      refused,
    ]),
    ['revoke ops from tidemark_metrics', 'grant ops to tidemark_metrics', login('metrics'), read('ops'), refused],
    [
      'revoke pg_monitor from tidemark_metrics',
      'grant pg_monitor to tidemark_metrics',
      login('metrics'),
      sql(
        `do $$ begin if exists (select from pg_stat_activity where query = '<insufficient privilege>') then raise insufficient_privilege; end if; end $$`,
      ),
      refused,
    ],
    [
      'revoke usage on schema tidemark_statistics from tidemark_metrics',
      'grant usage on schema tidemark_statistics to tidemark_metrics',
      login('metrics'),
      sql('select from tidemark_statistics.pg_stat_statements'),
      refused,
    ],
    [
      'revoke insert on tidemark.file_contents from tidemark_batch',
      'grant insert on tidemark.file_contents to tidemark_batch',
      login('batch'),
      output,
      refused,
    ],
    [
      'revoke insert on tidemark.files from tidemark_batch',
      'grant insert on tidemark.files to tidemark_batch',
      login('batch'),
      output,
      refused,
    ],
    [
      'alter policy files_batch_output on tidemark.files with check (false)',
      'alter policy files_batch_output on tidemark.files with check (true)',
      login('batch'),
      output,
      refused,
    ],
    [
      'revoke select on tidemark.file_contents from tidemark_gateway',
      'grant select on tidemark.file_contents to tidemark_gateway',
      login('gateway'),
      found,
      refused,
    ],
    [
      'revoke create on database postgres from tidemark',
      'grant create on database postgres to tidemark',
      owner,
      migrate,
      { message: /permission denied for database/ },
    ],
    ['revoke tidemark_none from tidemark', 'grant tidemark_none to tidemark', owner, open, { code: 'DB_ROLE_MISSING' }],
  ];
  for (const [revoke, grant, url, action, failure] of rights) {
    await run(administrator, revoke);
    t.match(await action(url).catch((error: Error) => error), failure, `needed: ${grant}`);
    await run(administrator, grant);
  }
  const works = await Promise.allSettled(rights.map(([, , url, action]) => action(url)));
  t.same(
    works.flatMap((result, n) => (result.status === 'rejected' ? [`${rights[n]?.[1]}: ${result.reason}`] : [])),
    [],
    'and with all of them, all of it works',
  );
});

t.test('no service has a right to a table that none of its statements uses', async (t) => {
  const sources: Record<string, string> = {};
  for (const service of ['gateway', 'realtime', 'batch', 'metrics']) {
    const folders = [
      `services/${service}/src`,
      'packages/db/src',
      ...(service === 'gateway' || service === 'batch' ? ['packages/files/src'] : []),
    ];
    sources[service] = (await Promise.all(folders.map((folder) => textOf(join(root, folder))))).join('\n');
  }
  // A function that runs with its caller's rights needs them of the service that calls it.
  const functions = await superuser.query<{ service: string; body: string }>(
    `select substr(r.rolname, 10) as service, string_agg(p.prosrc, E'\\n') as body
     from pg_proc p, aclexplode(p.proacl) g join pg_roles r on r.oid = g.grantee
     where p.pronamespace = 'tidemark'::regnamespace and not p.prosecdef and r.rolname ~ '^tidemark_' group by 1`,
  );
  for (const { service, body } of functions) sources[service] = `${sources[service]}\n${body}`;
  const grants = await superuser.query<{ service: string; privilege: string; table: string }>(
    `select substr(r.rolname, 10) as service, lower(g.privilege_type) as privilege, c.relname as table
     from pg_class c, aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
     where c.relnamespace = 'tidemark'::regnamespace and r.rolname in ('tidemark_gateway', 'tidemark_realtime', 'tidemark_batch', 'tidemark_metrics')`,
  );
  t.ok(grants.length > 20);
  const verbs: Record<string, (table: string) => RegExp> = {
    // An UPDATE whose condition reads columns asks for it as well.
    select: (table) =>
      new RegExp(`\\b(from|join)\\s+tidemark\\.${table}\\b|update tidemark\\.${table}\\b[^;]*? where `),
    insert: (table) => new RegExp(`insert into tidemark\\.${table}\\b`),
    // ON CONFLICT DO UPDATE, and LOCK TABLE, ask for it as well.
    update: (table) =>
      new RegExp(
        `update tidemark\\.${table}\\b|lock table tidemark\\.${table}\\b|insert into tidemark\\.${table}[^;]*do update`,
      ),
    delete: (table) => new RegExp(`delete from tidemark\\.${table}\\b`),
  };
  const unused = grants.filter(
    ({ service, privilege, table }) => !verbs[privilege]?.(table).test(sources[service] as string),
  );
  t.same(unused, []);
});

async function textOf(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts'));
  return (await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
}

t.test('the files of infra/postgres may be run again, and change nothing then', async (t) => {
  const state = async () =>
    JSON.stringify(
      await superuser.query(`select (select json_agg(r order by rolname) from pg_roles r) as roles,
        (select json_agg(m order by roleid, member, grantor) from pg_auth_members m) as members,
        (select json_agg(n order by nspname) from pg_namespace n where nspname !~ '^pg_') as schemas`),
    );
  const runAll = async () => {
    for (const name of ['roles.sql', 'take-over.sql', 'statements.sql'] as const) {
      await runScript(administrator, await infraScript(name));
    }
  };
  await runAll();
  const before = await state();
  await runAll();
  t.equal(await state(), before);
});
