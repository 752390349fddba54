import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import { migrate } from '../../src/setup/migrate.ts';
import { readMigrations } from '../../src/setup/migrations.ts';
import { withConnection } from '../../src/setup/with-connection.ts';

const names = (await readMigrations()).map(({ name }) => name);

async function freshDatabase(t: Tap) {
  const stack = await useTestStack();
  const database = await stack.database();
  t.teardown(() => database.drop());
  return database.primaryUrl;
}
type Tap = typeof t;

async function folder(t: Tap, files: Record<string, string>): Promise<URL> {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-migrations-'));
  t.teardown(() => rm(path, { recursive: true }));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(path, name), sql);
  return pathToFileURL(`${path}/`);
}

t.test('eight processes at once on each of two databases apply each file once and mint one epoch', async (t) => {
  const urls = [await freshDatabase(t as Tap), await freshDatabase(t as Tap)];
  const all = await Promise.all(urls.flatMap((url) => Array.from({ length: 8 }, () => migrate(url))));
  t.same(
    all
      .slice(0, 8)
      .flatMap(({ applied }) => applied)
      .sort(),
    names,
  );
  t.same(
    all
      .slice(8)
      .flatMap(({ applied }) => applied)
      .sort(),
    names,
  );
  const db = await openDatabase({ primaryUrl: urls[0]!, applicationName: 'test' });
  t.teardown(() => db.close());
  t.equal((await db.pools.admin.query('select count(*)::int as n from tidemark.epochs'))[0]!.n, 1);
  t.match(db.epoch(), /^[0-9a-z]{6,16}$/);
  for (const role of ['anon', 'authenticated', 'service_role', 'ops']) {
    const ask = (text: string) => db.read({ identity: { role, claims: '{}' }, statement: { text } });
    t.equal((await ask('select epoch, minted_at from tidemark.epochs')).rows.length, 1);
    // They name the cluster and tell of its failovers.
    await t.rejects(ask('select system_identifier from tidemark.epochs'), { code: '42501' });
    await t.rejects(ask('select timeline from tidemark.epochs'), { code: '42501' });
  }
});

t.test('refuses a changed file and a newer schema by name', async (t) => {
  const url = await freshDatabase(t as Tap);
  const BASE =
    'create table tidemark.epochs (epoch text, minted_at timestamptz default now(), reason text, system_identifier text, timeline int)';
  const first = await folder(t as Tap, { '0001_a.sql': BASE, '0002_b.sql': 'select 2' });
  t.same(await migrate(url, { folder: first }), { applied: ['0001_a.sql', '0002_b.sql'] });
  const changed = await folder(t as Tap, { '0001_a.sql': BASE, '0002_b.sql': 'select 3' });
  await t.rejects(migrate(url, { folder: changed }), { code: 'DB_MIGRATION_CHANGED', message: /0002_b/ });
  const older = await folder(t as Tap, { '0001_a.sql': BASE });
  await t.rejects(migrate(url, { folder: older }), { code: 'DB_SCHEMA_NEWER', message: /0002_b/ });
  const twice = await folder(t as Tap, { '0001_a.sql': BASE, '0001_b.sql': '' });
  await t.rejects(migrate(url, { folder: twice }), { code: 'DB_MIGRATION_NAME' });
});

t.test('a failed migration is rolled back and named with the reason', async (t) => {
  const url = await freshDatabase(t as Tap);
  const role = `half_${randomUUID().slice(0, 8)}`;
  const broken = await folder(t as Tap, {
    '0001_a.sql': `create table half (i int); create role ${role};`,
    '0002_b.sql': 'select 1/0;',
  });
  await t.rejects(migrate(url, { folder: broken }), {
    code: 'DB_MIGRATION_FAILED',
    message: /0002_b.*division by zero/,
  });
  const left = await withConnection(url, 'test', (query) =>
    query(`select to_regnamespace('tidemark') as schema, to_regclass('half') as half, to_regrole($1) as role`, [role]),
  );
  t.same(left, [{ schema: null, half: null, role: null }], 'also what the files before it did');
  await t.rejects(openDatabase({ primaryUrl: url, applicationName: 'test' }), { code: 'DB_NOT_MIGRATED' });
  await migrate(url);
  const db = await openDatabase({ primaryUrl: url, applicationName: 'test' });
  t.teardown(() => db.close());
  t.equal((await db.pools.admin.query(`select to_regclass('half') as found`))[0]!.found, null);
});

t.test('names a server that cannot be reached', async (t) => {
  const url = 'postgres://u:p@127.0.0.1:1/d';
  await t.rejects(migrate(url), { code: 'DB_CONNECT_FAILED', message: /127\.0\.0\.1:1/ });
  await t.rejects(openDatabase({ primaryUrl: url, applicationName: 'test' }), { code: 'DB_CONNECT_FAILED' });
});

t.test('files and jobs from before buckets keep their ids, and files without an owner become private', async (t) => {
  const all = await readMigrations();
  const earlier = all.filter(({ name }) => name < '0008');
  const before = await folder(t as Tap, Object.fromEntries(earlier.map(({ name, sql }) => [name, sql])));
  const url = await freshDatabase(t as Tap);
  await migrate(url, { folder: before });
  const old = [
    ['demo/images/1.jpg', null, null, 'demo public'],
    ['notes.txt', 'ada', null, '~ada private'],
    ['for-all.txt', null, null, 'service private'],
    ['jobs/1/0-a.webp', null, randomUUID(), 'service private'],
  ] as const;
  const ids = old.map(() => randomUUID());
  const earlierDb = await openDatabase({ primaryUrl: url, applicationName: 'before' });
  for (const [n, [path, owner, job]] of old.entries()) {
    await earlierDb.pools.admin.query(
      `insert into tidemark.file_contents (id, storage_key, content_type, size, sha256) values ($1, 'k', 't', 1, 's')`,
      [ids[n] as string],
    );
    await earlierDb.pools.admin.query('insert into tidemark.files (id, path, owner, job_id) values ($1, $2, $3, $4)', [
      ...[ids[n] as string, path, owner, job],
    ]);
  }
  await earlierDb.pools.admin.query(
    `insert into tidemark.jobs (kind, spec, role, claims, state) values ('x', '{}', 'authenticated', '{"sub":"ada"}', 'cancelled')`,
  );
  await earlierDb.close();

  await migrate(url);
  const db = await openDatabase({ primaryUrl: url, applicationName: 'after' });
  t.teardown(() => db.close());
  const rows = await db.pools.admin.query(
    `select f.id, bucket || ' ' || visibility as place from tidemark.files f order by array_position($1::uuid[], f.id)`,
    [`{${ids.join()}}`],
  );
  t.same(
    rows.map(({ id, place }) => [id, place]),
    old.map(([, , , place], n) => [ids[n], place]),
  );
  const [job] = await db.pools.admin.query(
    'select j.role, j.finished_at is not null as closed, r.claims from tidemark.jobs j join tidemark.job_requests r on r.job_id = j.id',
  );
  t.match(job, { role: 'authenticated', closed: true, claims: { sub: 'ada' } });
});
