import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { createLocalFileStore } from '../src/local-store.ts';
import { openFileStore } from '../src/open-store.ts';

const LIMIT = { limitBytes: 1_000_000 };

async function freshStore(t: Test) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-files-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return { dir, store: createLocalFileStore({ dir }), temporary: () => readdir(path.join(dir, 'tmp')) };
}

t.test(
  'files and folders are private whatever the umask, and older ones become private when the store opens',
  async (t) => {
    const before = process.umask(0);
    t.teardown(() => process.umask(before));
    const { dir } = await freshStore(t);
    const store = path.join(dir, 'made');
    const key = (await (await openFileStore({ dir: store })).put(Buffer.from('a secret'), LIMIT)).key;
    const modes = async () => {
      const names = ['.', ...(await readdir(store, { recursive: true }))];
      return Promise.all(
        names.map(async (name) => {
          const found = await stat(path.join(store, name));
          return `${found.isDirectory() ? 'folder' : 'file'} ${(found.mode & 0o777).toString(8)}`;
        }),
      );
    };
    t.same(new Set(await modes()), new Set(['folder 700', 'file 600']));

    await chmod(path.join(store, key), 0o644);
    await chmod(path.dirname(path.join(store, key)), 0o755);
    await chmod(store, 0o755);
    await openFileStore({ dir: store });
    t.same(new Set(await modes()), new Set(['folder 700', 'file 600']));
  },
);

t.test('keeps the rights of a folder that contains other files', async (t) => {
  const { dir } = await freshStore(t);
  await chmod(dir, 0o755);
  await mkdir(path.join(dir, '00'), { mode: 0o755 });
  await writeFile(path.join(dir, 'notes.txt'), 'mine', { mode: 0o644 });
  const store = await openFileStore({ dir });
  const mode = async (name: string) => ((await stat(path.join(dir, name))).mode & 0o777).toString(8);
  t.same([await mode('.'), await mode('00'), await mode('notes.txt')], ['755', '755', '644']);
  const { key } = await store.put(Buffer.from('a secret'), LIMIT);
  t.same([await mode(key), await mode(path.dirname(key))], ['600', '700'], 'its own files are private all the same');
});

t.test('opens stored content whole and in ranges', async (t) => {
  const { store } = await freshStore(t);
  const bytes = randomBytes(200_000);
  const stored = await store.put(Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]), LIMIT);
  t.equal(stored.sha256, createHash('sha256').update(bytes).digest('hex'));
  t.equal(stored.size, bytes.length);
  const whole = await store.open(stored.key);
  t.equal(whole.size, bytes.length);
  t.ok((await buffer(whole.stream)).equals(bytes));
  t.ok((await store.read(stored.key, 200_000)).equals(bytes));
  await t.rejects(store.read(stored.key, 200_000, AbortSignal.abort(new Error('too late'))), /too late/);
  const part = await store.open(stored.key, { start: 100, end: 299 });
  t.equal(part.size, bytes.length, 'the size of the whole file');
  t.ok((await buffer(part.stream)).equals(bytes.subarray(100, 300)));
  for (const range of [
    { start: 5, end: 4 },
    { start: -1, end: 4 },
    { start: 0, end: 200_000 },
  ]) {
    await t.rejects(store.open(stored.key, range), { code: 'FILES_INVALID_RANGE', status: 416 });
  }
  await t.rejects(store.read(stored.key, 199_999), { code: 'FILES_TOO_LARGE' });
});

t.test('returns any content in any pieces unchanged', async (t) => {
  const { store } = await freshStore(t);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }), async (pieces) => {
      const { key } = await store.put(Readable.from(pieces), LIMIT);
      return (await store.read(key, 1_000)).equals(Buffer.concat(pieces));
    }),
    { numRuns: 50 },
  );
});

t.test('stores equal content once, also when it arrives many times at once', async (t) => {
  const { store, temporary } = await freshStore(t);
  const bytes = randomBytes(10_000);
  const all = await Promise.all(Array.from({ length: 20 }, () => store.put(bytes, LIMIT)));
  t.equal(new Set(all.map((f) => f.key)).size, 1);
  t.same(await temporary(), []);
  t.equal(await store.delete(all[0]!.key), true);
  t.equal(await store.delete(all[0]!.key), false);
  t.equal(await store.stat(all[0]!.key), undefined);
  await t.rejects(store.open(all[0]!.key), { code: 'FILES_NOT_FOUND' });
});

t.test('leaves nothing of an upload that is too large, fails or is aborted', async (t) => {
  const { store, temporary } = await freshStore(t);
  await t.rejects(store.put(randomBytes(1001), { limitBytes: 1000 }), { code: 'FILES_TOO_LARGE' });
  async function* broken() {
    yield randomBytes(100);
    throw new RangeError('the client went away');
  }
  await t.rejects(store.put(Readable.from(broken()), LIMIT), RangeError);
  const controller = new AbortController();
  async function* endless() {
    for (;;) {
      yield randomBytes(100);
      controller.abort();
    }
  }
  await t.rejects(store.put(Readable.from(endless()), { ...LIMIT, signal: controller.signal }), { name: 'AbortError' });
  t.same(await temporary(), []);
});

t.test('a key cannot leave the folder', async (t) => {
  const { store } = await freshStore(t);
  const sha = 'a'.repeat(64);
  for (const key of [
    '../../etc/passwd',
    '',
    'aa/aa',
    `aa/ab/${sha}`,
    `aa/aa/${sha}/..`,
    `/aa/aa/${sha}`,
    'aa/aa/../tmp',
  ]) {
    await t.rejects(store.open(key), { code: 'FILES_INVALID_KEY' }, key);
    await t.rejects(store.delete(key), { code: 'FILES_INVALID_KEY' }, key);
  }
  await t.rejects(store.open(`aa/aa/${sha}`), { code: 'FILES_NOT_FOUND' });
});

t.test('sweeps old temporary files and keeps recent ones', async (t) => {
  const { store, dir, temporary } = await freshStore(t);
  t.equal(await store.sweepTemporary(0), 0, 'no folder yet');
  await mkdir(path.join(dir, 'tmp'));
  await writeFile(path.join(dir, 'tmp', 'young'), 'x');
  await writeFile(path.join(dir, 'tmp', 'old'), 'x');
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(path.join(dir, 'tmp', 'old'), hourAgo, hourAgo);
  t.equal(await store.sweepTemporary(60_000), 1);
  t.same(await temporary(), ['young']);
});

t.test('sweeps old orphans and keeps referenced, recent and renewed content', async (t) => {
  const { store, dir } = await freshStore(t);
  const put = async (text: string, old: boolean) => {
    const { key } = await store.put(Buffer.from(text), LIMIT);
    const hourAgo = new Date(Date.now() - 3_600_000);
    if (old) await utimes(path.join(dir, key), hourAgo, hourAgo);
    return key;
  };
  const orphan = await put('orphan', true);
  const referenced = await put('referenced', true);
  const young = await put('young', false);
  const renewed = await put('renewed', true);
  const asked: string[] = [];
  const deleted = await store.sweepOrphans(60_000, async (keys) => {
    asked.push(...keys);
    await put('renewed', false); // The file is stored again between the query and the deletion.
    return new Set([referenced]);
  });
  t.equal(deleted, 1);
  t.same(asked.sort(), [orphan, referenced, renewed].sort());
  t.equal(await store.stat(orphan), undefined);
  for (const key of [referenced, young, renewed]) t.ok(await store.stat(key), key);
  t.same(await readdir(path.join(dir, 'tmp')), []);
});

t.test('reports a folder that cannot be used', async (t) => {
  const { dir } = await freshStore(t);
  await writeFile(path.join(dir, 'file'), 'x');
  const store = createLocalFileStore({ dir: path.join(dir, 'file') });
  await t.rejects(store.put(Buffer.from('x'), LIMIT), {
    code: 'FILES_STORE_FAILED',
    hint: /TIDEMARK_FILES_DIR/,
    message: /^[^/]*: \w+$/,
    cause: { message: /^below \// },
  });
});
