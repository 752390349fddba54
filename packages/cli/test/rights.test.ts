/**
 * The rights that infra/postgres/README.md lists: with exactly these everything works, and each of them is needed, which is
 * shown by taking it away in turn.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBlueprint } from '@tidemark/blueprints';
import { checkServer, migrate, runScript } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import t from 'tap';
import { infraScript } from '../src/infra.ts';
import { enableLive } from '../src/live/live.ts';
import { prepareLocalRoles } from '../src/up/local-roles.ts';
import { run, serviceRights } from './service-rights.ts';
import { root, temporaryHome } from './tidemark-up.ts';

const stack = await startTemporaryStack({ nats: false, replica: false });
t.teardown(() => stack.stop());
const superuser = stack.primary;

const as = (url: string, role: string, password: string) => {
  const changed = new URL(url);
  changed.username = role;
  changed.password = password;
  return changed.href;
};

t.test('a single login needs each of its rights', async (t) => {
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

t.test('the login of each service needs each of its rights', async (t) => {
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

  const rights = await serviceRights({ roles, administrator, owner });
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
  // Instances of the release before run while a deployment replaces them.
  t.same(unused, [{ service: 'batch', privilege: 'update', table: 'job_items' }]);
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
