/** A home of an earlier release, in which the superuser owned everything and files were readable by all, starts and is tightened. */
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBlueprint } from '@tidemark/blueprints';
import { migrate } from '@tidemark/db';
import { startStack, unprivilegedUser, withClient } from '@tidemark/local-stack';
import t from 'tap';
import { tidemark } from './tidemark.ts';
import { launch, pidOf, temporaryHome } from './tidemark-up.ts';

const isRoot = process.getuid?.() === 0;
/** Rights of the group and of everybody else. */
const OTHERS = 0o077;

t.test('a home of an earlier version is taken over', { timeout: 180_000 }, async (t) => {
  const home = await temporaryHome(t);
  await makeEarlierHome(home);
  const up = await launch(t, { home, args: ['--no-demo'] });
  await up.line(/^ready /);

  const lax = await laxIn(home);
  // As root, the servers' user must pass through the home to its data.
  t.same(lax, isRoot ? ['. 711'] : [], 'nobody else has rights to what is in it');

  const url = /postgres {5}(\S+)/.exec(up.output())?.[1] as string;
  t.equal(new URL(url).username, 'tidemark');
  await withClient(url, async (sql) => {
    const [me] = await sql`select rolsuper from pg_roles where rolname = current_user`;
    t.same(me, { rolsuper: false }, 'the printed address is no superuser’s');
    const rows = await sql`
      select 'schema ' || nspname as name from pg_namespace where nspname in ('tidemark', 'shop') and nspowner <> 'tidemark'::regrole
      union all select 'relation ' || relname from pg_class where relnamespace::regnamespace::text in ('tidemark', 'public', 'shop')
        and relkind <> 'c' and relowner <> 'tidemark'::regrole
      union all select 'type ' || typname from pg_type where typnamespace::regnamespace::text = 'shop' and typowner <> 'tidemark'::regrole
      union all select 'routine ' || proname from pg_proc where pronamespace::regnamespace::text in ('tidemark', 'shop') and proowner <> 'tidemark'::regrole
      union all select 'publication ' || pubname from pg_publication where pubowner <> 'tidemark'::regrole`;
    t.same([...rows], [], 'it owns what the superuser did');
    const [extension] =
      await sql`select extnamespace::regnamespace::text as schema from pg_extension where extname = 'pg_stat_statements'`;
    t.same(extension, { schema: 'tidemark_statistics' }, 'and anon no longer reads the statements of others');
    t.equal((await sql`select from shop.total()`).length, 1);
    await sql`create schema later`;
    const [usage] = await sql`select bool_and(has_schema_privilege(r, s, 'usage')) as granted
      from unnest(array['tidemark_gateway', 'tidemark_realtime', 'tidemark_batch']) r, unnest(array['shop', 'later']) s`;
    t.same(usage, { granted: true }, 'services can look up its schemas, those made later as well');
  });
  t.match(await tidemark(url, 'live', 'enable', 'shop.orders'), /^shop.orders is live/);

  const expected = isRoot ? unprivilegedUser()?.uid : process.getuid?.();
  for (const service of ['gateway', 'realtime', 'batch', 'metrics']) {
    const pid = await pidOf(home, `${service}-1`);
    t.equal((await stat(`/proc/${pid}`)).uid, expected, `${service} runs as an ordinary user`);
    // The stack of a test run is in the environment as well.
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
    const addresses = environment.filter((entry) => entry.startsWith('DATABASE_')).join();
    const logins = [...addresses.matchAll(/postgres:\/\/(\w+):/g)].map(([, name]) => name);
    t.same(new Set(logins), new Set([`tidemark_${service}`]), 'with its own login and nobody else’s');
  }
  const answer = await fetch(`http://127.0.0.1:${up.port}/rest/v1/matches?select=id&limit=1`);
  t.equal(answer.status, 200);
  process.kill(up.child.pid as number, 'SIGINT');
  t.equal(await up.ended, 0);
});

async function makeEarlierHome(home: string): Promise<void> {
  const stack = await startStack({ home, replica: false, nats: false, durable: false });
  await migrate(stack.primary.url);
  await loadBlueprint(stack.primary.url, 'matches');
  await withClient(stack.primary.url, (sql) =>
    sql.unsafe(`create extension pg_stat_statements schema public;
      create schema shop; create type shop.state as enum ('new'); create sequence shop.numbers;
      create table shop.orders (id int generated always as identity primary key, state shop.state);
      create view shop.open as select * from shop.orders;
      create function shop.total() returns bigint language sql as 'select count(*) from shop.orders';
      create aggregate shop.sum_up(int) (sfunc = int4pl, stype = int);
      create domain shop.amount as int check (value > 0)`),
  );
  await stack.stop();
  for (const folder of ['logs', 'files/00', 'files/tmp'])
    await mkdir(join(home, folder), { recursive: true, mode: 0o755 });
  for (const file of ['logs/gateway-1.log', 'files/00/a']) await writeFile(join(home, file), 'x', { mode: 0o644 });
  await writeFile(join(home, 'postgres-roles.json.new'), 'x', { mode: 0o644 });
  for (const folder of ['.', 'files', 'files/00', 'logs', 'log']) await chmod(join(home, folder), 0o755);
}

/** Returns path and mode of everything that other users have rights to; in the folders of Postgres and NATS only the folders themselves. */
async function laxIn(home: string, folder = '.'): Promise<string[]> {
  const mode = async (path: string) => (await stat(join(home, path))).mode & 0o777;
  const found: string[] = [];
  const look = async (path: string) => {
    if ((await mode(path)) & OTHERS) found.push(`${path} ${(await mode(path)).toString(8)}`);
  };
  await look(folder);
  if (['primary', 'replica', 'nats'].includes(folder)) return found;
  for (const entry of await readdir(join(home, folder), { withFileTypes: true })) {
    const path = folder === '.' ? entry.name : join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await laxIn(home, path)));
    else await look(path);
  }
  return found;
}
