/** A disk of a few hundred megabytes in memory, which a trial fills to the last byte. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrialContext } from '../trial.ts';

export interface SmallDisk {
  readonly path: string;
  fill(): Promise<void>;
  free(): Promise<void>;
}

const PIECE = Buffer.alloc(1024 ** 2);

/** @returns the reason if a disk cannot be mounted, which needs root and a kernel that allows it */
export async function mountSmallDisk(context: TrialContext, megabytes: number): Promise<SmallDisk | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting a small disk needs root on Linux';
  const path = join(tmpdir(), `tidemark-lab-disk-${randomBytes(4).toString('hex')}`);
  await mkdir(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    await rmdir(path);
    return `cannot mount a small disk: ${(error as Error).message.trim()}`;
  }
  context.cleanup(async () => {
    // A process that is ending may still have a file open.
    execFileSync('umount', ['--lazy', path]);
    await rmdir(path);
  });
  await chmod(path, 0o755);
  const filler = join(path, 'filler');
  return {
    path,
    async fill() {
      const file = await open(filler, 'a');
      try {
        for (let size = PIECE.length; size >= 1; ) {
          try {
            await file.write(PIECE, 0, size);
          } catch {
            size = Math.floor(size / 16);
          }
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler),
  };
}
