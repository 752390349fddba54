import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { startTestS3 } from '@tidemark/testing/s3';
import t from 'tap';
import { createS3FileStore } from '../src/s3-store.ts';

const { options: settings, stop } = await startTestS3();
const store = createS3FileStore(settings);
t.teardown(async () => {
  store.close();
  await stop();
});
const LIMIT = { limitBytes: 100_000_000 };

for (const size of [0, 1, 200_000, 5 * 1024 ** 2, 12_000_000]) {
  t.test(`${size} bytes come back, whole and in ranges`, async (t) => {
    const bytes = randomBytes(size);
    const stored = await store.put(Readable.from(pieces(bytes)), LIMIT);
    t.same(
      { size: stored.size, sha256: stored.sha256 },
      { size, sha256: createHash('sha256').update(bytes).digest('hex') },
    );
    const whole = await store.open(stored.key);
    t.equal(whole.size, size);
    t.ok((await buffer(whole.stream)).equals(bytes));
    t.match(await store.stat(stored.key), { size, modifiedAt: Date });
    if (size >= 300) {
      const part = await store.open(stored.key, { start: 100, end: 299 });
      t.equal(part.size, size, 'the size of the whole file');
      t.ok((await buffer(part.stream)).equals(bytes.subarray(100, 300)));
    }
    await t.rejects(store.open(stored.key, { start: 0, end: size }), { code: 'FILES_INVALID_RANGE' });
    await t.rejects(store.open(stored.key, { start: size, end: size }), { code: 'FILES_INVALID_RANGE' });
    if (size > 0) await t.rejects(store.read(stored.key, size - 1), { code: 'FILES_TOO_LARGE' });
    t.ok((await store.read(stored.key, size)).equals(bytes));
    await t.rejects(store.read(stored.key, size, AbortSignal.abort(new Error('too late'))), /too late/);
    t.equal(await store.delete(stored.key), true);
    t.equal(await store.delete(stored.key), false);
    t.equal(await store.stat(stored.key), undefined);
    await t.rejects(store.open(stored.key), { code: 'FILES_NOT_FOUND' });
  });
}

t.test('leaves nothing of an upload that is too large, aborted or fails', async (t) => {
  const bytes = randomBytes(12_000_000);
  await t.rejects(store.put(bytes, { limitBytes: bytes.length - 1 }), { code: 'FILES_TOO_LARGE' });
  const abort = new AbortController();
  async function* endless() {
    for (let i = 0; ; i++) {
      if (i === 8) abort.abort(new Error('the client left'));
      yield bytes.subarray(0, 1_000_000);
    }
  }
  await t.rejects(store.put(Readable.from(endless()), { ...LIMIT, signal: abort.signal }), /the client left/);
  async function* failing() {
    yield bytes;
    throw new Error('cut off');
  }
  await t.rejects(store.put(Readable.from(failing()), LIMIT), /cut off/);
  t.equal(await store.sweepOrphans(-60_000, async () => new Set()), 0, 'no object is left');
});

t.test('sweeps orphans, and keeps referenced and foreign objects', async (t) => {
  const [kept, orphan] = await Promise.all([store.put(randomBytes(10), LIMIT), store.put(randomBytes(10), LIMIT)]);
  const foreign = createS3FileStore({ ...settings, prefix: 'other/' });
  t.teardown(() => foreign.close());
  const other = await foreign.put(randomBytes(10), LIMIT);
  t.equal(await store.sweepOrphans(60_000, async () => new Set()), 0, 'too young');
  t.equal(await store.sweepOrphans(-60_000, async (keys) => new Set(keys.filter((key) => key === kept.key))), 1);
  t.ok(await store.stat(kept.key));
  t.equal(await store.stat(orphan.key), undefined);
  t.ok(await foreign.stat(other.key));
});

t.test('reports a missing bucket and an invalid key', async (t) => {
  const nowhere = createS3FileStore({ ...settings, bucket: 'nowhere' });
  t.teardown(() => nowhere.close());
  await t.rejects(nowhere.put(randomBytes(10), LIMIT), {
    code: 'FILES_S3_FAILED',
    status: 503,
    message: /NoSuchBucket$/,
    cause: { message: /nowhere/ },
  });
  await t.rejects(store.open('../../etc/passwd'), { code: 'FILES_INVALID_KEY' });
});

function* pieces(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

t.test('gives up a server that accepts connections and does not answer', async (t) => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const other = createS3FileStore({ ...settings, endpoint: `http://127.0.0.1:${port}`, silenceMs: 100 });
  t.teardown(() => {
    other.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const key = 'ab/abcdefab-abcd-4bcd-8bcd-abcdefabcdef';
  await t.rejects(other.open(key), { code: 'FILES_S3_FAILED', message: /TimeoutError/ });
  await t.rejects(other.put(Buffer.from('x'), LIMIT), { code: 'FILES_S3_FAILED', message: /TimeoutError/ });
});
