/** A disk of some hundred megabytes, in memory, that can be filled to the last byte. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrialContext } from '../trial.ts';

export interface SmallDisk {
  /** The folder that the disk is mounted at. Every user may enter it. */
  readonly path: string;
  /** Writes a file until there is no space left. @returns its bytes */
  fill(): Promise<number>;
  /** Removes that file. */
  free(): Promise<void>;
}

const PIECE = Buffer.alloc(1024 ** 2);

/** @returns the reason where a disk cannot be mounted: that takes root, and a kernel that lets it */
export async function mountSmallDisk(
  context: Pick<TrialContext, 'cleanup'>,
  megabytes: number,
): Promise<SmallDisk | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting a small disk needs root on Linux';
  const path = join(tmpdir(), `tidemark-lab-disk-${randomBytes(4).toString('hex')}`);
  await mkdir(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    await rmdir(path);
    return `a small disk cannot be mounted here: ${(error as Error).message.trim()}`;
  }
  context.cleanup(async () => {
    // Lazily: a process that is just ending may still hold a file.
    execFileSync('umount', ['-l', path]);
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
        return (await file.stat()).size;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler),
  };
}
