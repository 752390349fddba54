/** The bare loop: reads each file, makes it smaller and writes it, on as many threads as batch has workers. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

export interface BareRound {
  readonly paths: readonly string[];
  readonly count: number;
  readonly out: string;
  readonly threads: number;
  readonly width: number;
}

sharp.concurrency(1);
sharp.cache(false);

async function run({ paths, count, out, threads, width }: BareRound): Promise<number> {
  await mkdir(out, { recursive: true });
  const startedAt = performance.now();
  let next = 0;
  const loop = async () => {
    while (next < count) {
      const input = await readFile(paths[next++ % paths.length]!);
      const bytes = await sharp(input).autoOrient().resize({ width }).jpeg().toBuffer();
      await writeFile(join(out, `${randomUUID()}.jpg`), bytes);
    }
  };
  await Promise.all(Array.from({ length: threads }, loop));
  return performance.now() - startedAt;
}

process.on('message', (round: BareRound) => {
  run(round).then(
    (ms) => process.send?.({ type: 'round', ms }),
    (error: Error) => process.send?.({ type: 'failed', message: error.message }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ type: 'ready', url: '' });
