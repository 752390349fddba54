import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { createLocalFileStore } from '../src/local-store.ts';

/** A real small file system; only root may mount one. */
function mountSmall(dir: string): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'mounting a small file system needs root on Linux';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no tmpfs here: ${(error as Error).message}`;
  }
}

const dir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-full-'));
const reason = mountSmall(dir);
t.teardown(async () => {
  if (!reason) execFileSync('umount', [dir]);
  await rmdir(dir);
});

t.test('reports a full disk, and frees what was written', { skip: reason ?? false }, async (t) => {
  const store = createLocalFileStore({ dir });
  const kept = await store.put(randomBytes(50_000), { limitBytes: 1e6 });
  await t.rejects(store.put(randomBytes(500_000), { limitBytes: 1e6 }), {
    code: 'FILES_DISK_FULL',
    status: 507,
    hint: /TIDEMARK_FILES_DIR/,
  });
  t.same(await readdir(path.join(dir, 'tmp')), []);
  t.equal((await store.read(kept.key, 1e6)).length, 50_000);
  await store.put(randomBytes(50_000), { limitBytes: 1e6 });
});
