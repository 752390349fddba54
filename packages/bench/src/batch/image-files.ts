/** JPEGs in the file store with their rows: a few different contents under many names, so that the disk stays small. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { BatchServices } from './services.ts';

export interface ImageFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

const BASES = 12;

/** Widths whose logarithms are at equal distances, from 64 pixels, or all of one width. */
export function widths(kind: 'equal' | 'log-uniform', most: number): number[] {
  return Array.from({ length: BASES }, (_, n) =>
    kind === 'equal' ? Math.min(most, 1_280) : Math.round(64 * (most / 64) ** (n / (BASES - 1))),
  );
}

/** Each image has other pixels: smooth waves with some noise, which compress about as photographs do. */
export async function storeImages(filesDir: string, sides: readonly number[]): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const [n, width] of sides.entries()) {
    files.push(await storeContent(filesDir, await makeJpeg(width, Math.round(width * 0.75), n)));
  }
  return files;
}

export async function storeContent(filesDir: string, bytes: Buffer): Promise<ImageFile> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const path = join(filesDir, keyOf(sha256));
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, bytes);
  return { path, sha256, bytes: bytes.length };
}

/** Returns the name that the file store uses. */
const keyOf = (sha256: string) => `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;

async function makeJpeg(width: number, height: number, seed: number): Promise<Buffer> {
  const small = Buffer.alloc(64 * 48 * 3);
  for (let at = 0; at < small.length; at += 1) {
    small[at] = 128 + 80 * Math.sin(at / (7 + seed)) + 40 * Math.sin((at * (seed + 3)) / 91);
  }
  const waves = sharp(small, { raw: { width: 64, height: 48, channels: 3 } }).resize(width, height, { fit: 'fill' });
  const noise = { type: 'gaussian', mean: 128, sigma: 12 } as const;
  const grain = await sharp({ create: { width, height, channels: 3, background: '#808080', noise } })
    .png({ compressionLevel: 1 })
    .toBuffer();
  return waves
    .composite([{ input: grain, blend: 'soft-light' }])
    .jpeg({ quality: 85 })
    .toBuffer();
}

/** Adds `count` rows below the prefix, each with the content whose turn it is. */
export async function nameImages(
  { stack }: BatchServices,
  files: readonly ImageFile[],
  prefix: string,
  count: number,
): Promise<void> {
  const contents = JSON.stringify(files.map(({ sha256, bytes }) => ({ sha256, bytes, key: keyOf(sha256) })));
  await stack.primary.query(
    `insert into tidemark.file_contents (id, content_type, sha256, size, storage_key)
     select md5($1 || n)::uuid, 'image/jpeg', c ->> 'sha256', (c ->> 'bytes')::bigint, c ->> 'key'
     from generate_series(1, $2::int) as n,
       lateral (select $3::text::jsonb -> ((n - 1) % jsonb_array_length($3::text::jsonb)) as c) as x`,
    [prefix, count, contents],
  );
  // Its trigger reads the contents.
  await stack.primary.query(
    `insert into tidemark.files (id, path, owner)
     select md5($1 || n)::uuid, $1 || lpad(n::text, 6, '0') || '.jpg', 'bench' from generate_series(1, $2::int) as n`,
    [prefix, count],
  );
}
