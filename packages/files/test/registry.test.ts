import { randomUUID } from 'node:crypto';
import { type Identity, migrate, openDatabase } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import type { NewFile } from '../src/file-rows.ts';
import { createFileRegistry, type FileRegistry } from '../src/registry.ts';
import { uploadFiles } from '../src/upload-rows.ts';

const stack = await useTestStack();
await stack.template('files', async (url) => {
  await migrate(url);
});
const { primaryUrl, drop } = await stack.database({ template: 'files' });
const database = await openDatabase({ primaryUrl, applicationName: 'files test' });
t.teardown(async () => {
  await database.close(1_000);
  await drop();
});

const pool = database.pools.write;
const registry: FileRegistry = createFileRegistry(pool);
const insert = (...files: NewFile[]) => pool.transaction((tx) => registry.insert(tx, files));
const as = (sub: string): Identity => ({ role: 'authenticated', claims: JSON.stringify({ sub }) });
const service: Identity = { role: 'service_role', claims: '{}' };
const everybody = { bucket: 'shared', visibility: 'public' } as const;
const file = (path: string, owner: string | null = null): NewFile => ({
  path,
  owner,
  contentType: 'image/png',
  size: 5_000_000_000,
  sha256: 'ab',
  storageKey: `key of ${path}`,
});

t.test('finds inserted rows unchanged', async (t) => {
  const jobId = randomUUID();
  const [row] = await insert({ ...file('one/é "quoted"', 'ada'), jobId, metadata: { width: 3 } });
  t.match(row, { path: 'one/é "quoted"', size: 5_000_000_000, owner: 'ada', job_id: jobId, metadata: { width: 3 } });
  t.same(await registry.find(as('ada'), row!.id), row);
  t.equal(await registry.find(as('ada'), randomUUID()), undefined);
  t.same(await insert(), []);
});

t.test('shows an identity the rows that policies allow', async (t) => {
  const rows = await insert(file('own/a', 'ada'), file('own/b', 'bob'), file('own/none', null), {
    ...file('own/all', null),
    ...everybody,
  });
  const ids = rows.map((row) => row.id);
  const paths = async (identity: Identity) => (await registry.findMany(identity, ids)).map((f) => f.path).sort();
  t.same(await paths(as('ada')), ['own/a', 'own/all']);
  t.same(await paths({ role: 'anon', claims: '{}' }), ['own/all']);
  t.same(await paths(service), ['own/a', 'own/all', 'own/b', 'own/none']);
  t.same(await paths({ role: 'authenticated', claims: '{}' }), ['own/all'], 'no subject is not everybody');
  await t.rejects(registry.findMany({ role: 'ops', claims: '{}' }, ids), { code: '42501' });
  t.equal(await registry.find(as('bob'), ids[0]!), undefined);
  t.same(
    (await registry.list(as('bob'), { prefix: 'own/', limit: 10 })).map((f) => f.path),
    ['own/all', 'own/b'],
  );
});

t.test('lists a literal prefix in complete, ordered pages', async (t) => {
  const names = ['p/', 'p/%', 'p/_x', 'p/A', 'p/a', 'p/a/1', 'p/aé', 'p/\\', 'p/😀', 'p/z'];
  await insert(...names.map((name) => file(name)), file('pa'), file('P/a'), file('p'));
  const all: string[] = [];
  for (let after: string | undefined; ; after = all.at(-1)) {
    const page = await registry.list(service, { prefix: 'p/', limit: 3, ...(after === undefined ? {} : { after }) });
    all.push(...page.map((f) => f.path));
    if (page.length < 3) break;
  }
  t.same(
    all,
    [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
  t.same(
    (await registry.list(service, { prefix: 'p/%', limit: 9 })).map((f) => f.path),
    ['p/%'],
  );
  t.same(
    (await registry.list(service, { prefix: 'p/_', limit: 9 })).map((f) => f.path),
    ['p/_x'],
  );
});

t.test('the list of a prefix uses the index under a policy as well', async (t) => {
  await pool.query(
    `with c as (
       insert into tidemark.file_contents (id, content_type, size, sha256, storage_key)
       select gen_random_uuid(), 't', 1, 's', 'k' || i from generate_series(1, 5000) as i returning id, storage_key)
     select count(*) from c`,
  );
  await pool.query(
    `insert into tidemark.files (id, path) select id, 'bulk/' || substr(storage_key, 2) || '/x'
     from tidemark.file_contents where sha256 = 's'`,
  );
  await pool.query('analyze tidemark.files');
  const plan = await pool.transaction(
    (tx) =>
      tx.query(`explain select id from tidemark.files
        where path ~>=~ 'bulk/77' and path ~<~ ('bulk/77' || U&'\\+10FFFF') and starts_with(path, 'bulk/77')
        order by path using ~<~, bucket using ~<~ limit 10`),
    { identity: as('ada') },
  );
  t.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /Index Scan using files_path_prefix/);
});

t.test('refuses a taken path by name and inserts nothing', async (t) => {
  await insert(file('taken/1'));
  await t.rejects(insert(file('taken/0'), file('taken/1')), {
    code: 'FILES_PATH_TAKEN',
    status: 409,
    message: /taken\/1/,
  });
  t.same(
    (await registry.list(service, { prefix: 'taken/', limit: 9 })).map((f) => f.path),
    ['taken/1'],
  );
});

t.test('returns the keys that rows refer to', async (t) => {
  await insert(file('kept/1'));
  t.same(await registry.referenced(['key of kept/1', 'key of nothing']), new Set(['key of kept/1']));
});

t.test('an upload has the rights and owner of the identity, and the hash and size of the service', async (t) => {
  const upload = (path: string) => ({
    path,
    contentType: 'text/plain',
    size: 3,
    sha256: 'abc',
    storageKey: `up ${path}`,
  });
  const { files, replaced } = await uploadFiles(database, as('ada'), [upload('up/1'), upload('up/2')]);
  t.equal(replaced, 0);
  t.match(files, [
    { path: 'up/1', owner: 'ada', size: 3, sha256: 'abc', content_type: 'text/plain' },
    { path: 'up/2' },
  ]);
  t.notOk('storage_key' in files[0]!);
  t.equal((await registry.find(as('ada'), files[0]!.id))?.storage_key, 'up up/1');
  t.equal((await registry.findByPath(as('bob'), 'up/1')) === undefined, true);
  t.equal((await registry.findByPath(service, 'up/1', '~ada'))?.id, files[0]!.id);
  await t.rejects(uploadFiles(database, as('ada'), [upload('up/1')]), { code: 'FILES_PATH_TAKEN' });
  const bobs = await uploadFiles(database, as('bob'), [upload('up/1')], { replace: true });
  t.match(bobs, { replaced: 0, files: [{ bucket: '~bob', path: 'up/1', owner: 'bob' }] }, 'another bucket');
  await t.rejects(uploadFiles(database, as('bob'), [upload('up/3')], { owner: 'ada' }), { code: '42501' });
  await t.rejects(uploadFiles(database, as('bob'), [upload('up/3')], { owner: null }), { code: '42501' });
  await t.rejects(uploadFiles(database, as('bob'), [upload('jobs/3')]), { code: '42501' });
  await t.rejects(uploadFiles(database, { role: 'anon', claims: '{}' }, [upload('up/3')]), { code: '42501' });
  t.match((await uploadFiles(database, service, [upload('up/all')], { owner: null })).files[0], {
    owner: null,
    bucket: 'service',
    visibility: 'private',
  });
  for (const target of [{ bucket: '~ada' }, { bucket: 'shared' }, { visibility: 'public' as const }]) {
    await t.rejects(
      uploadFiles(database, as('bob'), [upload('up/3')], target),
      { code: '42501' },
      JSON.stringify(target),
    );
  }
  await t.rejects(uploadFiles(database, service, [upload('up/3')], { bucket: '~ada', owner: 'bob' }), {
    code: '23514',
  });
  const again = await uploadFiles(database, as('ada'), [upload('up/1')], { replace: true });
  t.equal(again.replaced, 1);
  t.not(again.files[0]!.id, files[0]!.id);
  t.equal(await registry.find(as('ada'), files[0]!.id), undefined);
  const dry = await uploadFiles(database, as('ada'), [upload('up/dry')], { dryRun: true });
  t.equal(await registry.find(as('ada'), dry.files[0]!.id), undefined);
  t.same(await registry.referenced(['up up/dry', 'up up/1']), new Set(['up up/1']));
});

t.test('a client can neither insert rows itself nor see storage keys', async (t) => {
  const [own] = (
    await uploadFiles(database, as('ada'), [
      { path: 'forge/1', contentType: 't', size: 1, sha256: 's', storageKey: 'k' },
    ])
  ).files;
  const try_ = (text: string, params: string[] = []) =>
    pool.transaction((tx) => tx.query(text, params), { identity: as('bob') });
  await t.rejects(try_(`insert into tidemark.files (path) values ('forge/2')`), { code: 'PT400', hint: /PUT/ });
  await t.rejects(try_(`insert into tidemark.files (id, path) values (gen_random_uuid(), 'forge/2')`), {
    code: 'PT400',
  });
  await t.rejects(try_(`insert into tidemark.files (id, path) values ($1, 'forge/2')`, [own!.id]), { code: '23505' });
  await t.rejects(try_(`insert into tidemark.files (path, sha256) values ('forge/2', 's')`), { code: '42501' });
  await t.rejects(try_(`insert into tidemark.files (path, size) values ('forge/2', 1)`), { code: '42501' });
  await t.rejects(try_(`update tidemark.files set path = 'forge/3'`), { code: '42501' });
  await t.rejects(try_('select * from tidemark.file_contents'), { code: '42501' });
  await t.rejects(try_(`insert into tidemark.file_contents values ($1, 'k', 't', 1, 's')`, [own!.id]), {
    code: '42501',
  });
  await try_('delete from tidemark.files where id = $1', [own!.id]);
  t.ok(await registry.find(as('ada'), own!.id), 'a policy hides it from the deletion of others');
  await pool.transaction((tx) => tx.query('delete from tidemark.files where id = $1', [own!.id]), {
    identity: as('ada'),
  });
  t.same(await registry.referenced(['k']), new Set(), 'the key goes with the row');
});
