import { chmod, mkdir, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { keepHeapSnapshots } from '../src/heap-snapshot.ts';

const DAY_MS = 24 * 3_600_000;

t.test('a snapshot is a private file that expires after a day', async (t) => {
  const folder = join(t.testdir(), 'snapshots');
  const snapshots = keepHeapSnapshots({ folder });
  t.teardown(() => snapshots.stop());
  const before = Date.now();
  const { path, bytes, expiresAt } = await snapshots.write('gateway/1');
  t.match(path, /gateway_1-[0-9a-f]{12}\.heapsnapshot$/);
  t.ok(bytes > 1024 ** 2, `${bytes} bytes`);
  t.ok(expiresAt >= before + DAY_MS);
  t.equal((await stat(path)).mode & 0o777, 0o600);
  t.equal((await stat(folder)).mode & 0o777, 0o700);
  // A later start of the service deletes what an earlier one left.
  const yesterday = new Date(Date.now() - DAY_MS - 1_000);
  await utimes(path, yesterday, yesterday);
  const next = keepHeapSnapshots({ folder });
  t.teardown(() => next.stop());
  while ((await readdir(folder)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
});

t.test('a snapshot that would not fit in memory is refused before it is begun', async (t) => {
  const folder = join(t.testdir(), 'snapshots');
  const snapshots = keepHeapSnapshots({ folder, availableBytes: () => 20 * 1024 ** 2 });
  t.teardown(() => snapshots.stop());
  await t.rejects(snapshots.write('gateway-1'), { code: 'PROCESS_MEMORY', message: /and 20 MB are available/ });
  await t.rejects(stat(folder), { code: 'ENOENT' });
});

t.test('a folder that others may open is refused', async (t) => {
  const folder = join(t.testdir(), 'snapshots');
  await mkdir(folder);
  await chmod(folder, 0o755);
  const snapshots = keepHeapSnapshots({ folder });
  t.teardown(() => snapshots.stop());
  await t.rejects(snapshots.write('gateway-1'), { code: 'PROCESS_FOLDER' });
  t.same(await readdir(folder), []);
});
