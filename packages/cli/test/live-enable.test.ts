/** `tidemark live enable` leaves the application's writes working, or the table as it was. */
import { migrate } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { CASES, PARTITIONS, PLAIN, VIRTUAL } from './live-enable-cases.ts';
import { tidemark } from './tidemark.ts';

t.test('live enable', async (t) => {
  const stack = await useTestStack();
  await stack.template('cli-live', async (url) => {
    await migrate(url);
  });
  const database = await stack.database({ template: 'cli-live' });
  const sql = postgres(database.primaryUrl, { max: 2, onnotice: () => {} });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
  });
  const command = (...args: string[]) => tidemark(database.primaryUrl, ...args);
  /** Everything that enabling a table may change: identities, publications, event triggers, schemas, functions and rights. */
  const state = async () => {
    const identities = await sql`select relname, relreplident, (select indexrelid::regclass::text from pg_index
      where indrelid = c.oid and indisreplident) as index from pg_class c where relnamespace = 'public'::regnamespace order by 1`;
    const published = await sql`select p.pubname, pr.prrelid::regclass::text, pr.prattrs::text from pg_publication p
      left join pg_publication_rel pr on pr.prpubid = p.oid order by 1, 2`;
    const [others] = await sql`select
      (select json_agg(row(evtname, evtevent, evtenabled::text) order by evtname) from pg_event_trigger) as triggers,
      (select json_agg(nspname order by nspname) from pg_namespace where nspname !~ '^pg_(temp|toast)') as schemas,
      (select json_agg(oid::regprocedure::text order by 1) from pg_proc where oid >= 16384 and pronamespace <> 'tidemark'::regnamespace) as functions,
      (select json_agg(row(pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot) order by pubname) from pg_publication) as publications,
      (select json_agg(row(relname, relacl::text, relowner, relrowsecurity) order by relname) from pg_class where relnamespace = 'public'::regnamespace) as relations,
      (select count(*) from tidemark.live_identities) as kept`;
    return JSON.stringify([identities, published, others]);
  };
  /** The relations whose updates or deletes Postgres refuses. */
  const refused = async () => {
    const found: string[] = [];
    const relations = await sql<{ name: string }[]>`select oid::regclass::text as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`;
    for (const { name } of relations) {
      for (const text of [`update ${name} set id = id`, `delete from ${name}`]) {
        await sql
          .begin(async (tx) => {
            await tx.unsafe(text);
            throw new Error('taken back');
          })
          .catch((error: Error) => {
            if (error.message !== 'taken back' && !/foreign table/.test(error.message))
              found.push(`${text}: ${error.message}`);
          });
      }
    }
    return found;
  };
  const clean = async () => {
    await sql.unsafe(`drop schema public cascade; create schema public; grant usage on schema public to public;
      drop publication if exists other; drop publication if exists tidemark; drop extension if exists file_fdw cascade;
      drop event trigger if exists tidemark_ddl; drop event trigger if exists tidemark_drop;
      drop schema if exists tidemark_ddl cascade; delete from tidemark.live_identities;
      create publication tidemark for table tidemark.jobs with (publish_via_partition_root = true, publish_generated_columns = stored)`);
  };

  for (const [name, setup, args, refusal, hint] of CASES) {
    t.test(
      `${name}: ${refusal ? 'refused, and nothing is changed' : 'writes go on, and disable undoes it'}`,
      async (t) => {
        await clean();
        await sql.unsafe(setup);
        const before = await state();
        const refusedBefore = await refused();
        if (refusal) {
          const expected = { code: 'CLI_NOT_LIVE', message: refusal, ...(hint ? { hint } : {}) };
          await t.rejects(command('live', 'enable', ...args.split(' ')), expected);
          t.equal(await state(), before);
          t.same(await refused(), refusedBefore);
          return;
        }
        t.match(await command('live', 'enable', ...args.split(' ')), /is live|was live already/);
        t.same(await refused(), []);
        // A table of a whole schema cannot be removed alone, and an identity that ended a refusal stays.
        if (/all tables|a schema|refused writes before/.test(name)) return;
        t.match(await command('live', 'disable', 't'), /no longer live/);
        t.equal(await state(), before);
      },
    );
  }

  t.test('a dry run shows the statements', async (t) => {
    await clean();
    await sql.unsafe(`${PARTITIONS} ${VIRTUAL.replace('table t', 'table u')}`);
    const untouched = await state();
    await t.rejects(command('live', 'enable', 'u', '--dry-run'), { code: 'CLI_NOT_LIVE', message: /virtual/ });
    const shown = await command('live', 'enable', 't', '--dry-run');
    t.match(
      shown,
      /^alter table t replica identity full;\nalter table p1 replica identity full;\nalter table p2 replica identity full;\nalter publication "?tidemark"? add table "?public"?."?t"?;\n/,
    );
    t.equal(await state(), untouched);
    await command('live', 'enable', 't');
    // A second and a third enable keep the recorded identity.
    await command('live', 'enable', 't', '--key-only');
    await command('live', 'enable', 't');
    const before = await state();
    t.match(
      await command('live', 'disable', 't', '--dry-run'),
      /drop table.*;\nalter table t replica identity default;[\s\S]*nothing was changed/,
    );
    t.equal(await state(), before);
  });

  t.test('an identity that others need, or that somebody changed meanwhile, stays', async (t) => {
    await clean();
    await sql.unsafe(`${PLAIN} create table u (id int primary key);`);
    await command('live', 'enable', 't');
    await command('live', 'enable', 'u');
    await sql.unsafe('create publication other for table t where (a > 1); alter table u replica identity nothing');
    t.match(await command('live', 'disable', 't'), /identity of t stays as it is, for its other publications/);
    t.match(await command('live', 'disable', 'u'), /identity of u was changed/);
    t.match(await state(), /"t","relreplident":"f"[\s\S]*"u","relreplident":"n"/);
    t.same(await refused(), []);
  });

  t.test('disable --all takes out every table', async (t) => {
    await clean();
    await sql.unsafe(`${PARTITIONS} create table u (id int primary key);`);
    await command('live', 'enable', 't');
    await command('live', 'enable', 'u');
    t.match(await command('live', 'disable', '--all'), /public\.t is no longer live[\s\S]*public\.u is no longer live/);
    t.match(await command('live', 'list'), /no table is live/);
    t.notMatch(await state(), /"relreplident":"f"/);
  });

  t.test('a table whose lock is held is refused soon, naming who holds it, and the application goes on', async (t) => {
    await clean();
    await sql.unsafe(PLAIN);
    const before = await state();
    const holder = postgres(database.primaryUrl, { max: 1 });
    t.teardown(() => holder.end());
    await holder.begin(async (tx) => {
      const [row] = await tx`select pg_backend_pid() as pid, count(*) from t`;
      const enabling = command('live', 'enable', 't');
      await t.rejects(enabling, {
        code: 'CLI_LOCKED',
        details: new RegExp(`pid ${row?.pid} `),
        hint: /pg_terminate_backend/,
      });
      await sql`insert into t values (1, 1, 1)`;
    });
    t.equal(await state(), before);
    t.match(await command('live', 'enable', 't'), /is live/);
  });
});
