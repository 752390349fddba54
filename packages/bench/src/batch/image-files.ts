/** JPEGs in the file store with their rows. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
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

/** Smooth waves with some noise, which compress about as photographs do. */
export async function storeImages(filesDir: string, sides: readonly number[]): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const jpeg of await makeJpegs(sides)) files.push(await storeContent(filesDir, jpeg));
  return files;
}

/**
 * Stores `count` images whose pixels differ, so that their outputs do, as those of a user's photographs. The disk bounds the different
 * images of large sides; these return under other names.
 */
export async function storeDifferentImages(
  filesDir: string,
  sides: readonly number[],
  count: number,
): Promise<ImageFile[]> {
  const bases = await makeJpegs(sides);
  const variants = bases.map((jpeg) =>
    Math.max(
      1,
      Math.min(MOST_VARIANTS, Math.ceil(count / bases.length), Math.floor(MOST_BYTES / bases.length / jpeg.length)),
    ),
  );
  const stored: ImageFile[][] = bases.map(() => []);
  for (const [at, jpeg] of bases.entries()) {
    for (let variant = 0; variant < variants[at]!; variant += 1) {
      stored[at]!.push(await storeContent(filesDir, withOtherPixels(jpeg, variant)));
    }
  }
  // The disk must not write them during the measurement.
  await promisify(execFile)('sync');
  return Array.from({ length: count }, (_, n) => {
    const at = n % bases.length;
    return stored[at]![Math.floor(n / bases.length) % variants[at]!]!;
  });
}

const MOST_BYTES = 2e9;
const QUANTISATION_TABLE = Buffer.from([0xff, 0xdb]);
/** Marker, length of the segment, precision and number of the table. */
const TABLE_HEADER_BYTES = 5;
/** In zigzag order, those that also count when the decoder makes a quarter of the size: all but the mean. */
const COEFFICIENTS = [1, 2, 4];
const STEPS = 10;
const MOST_VARIANTS = STEPS ** COEFFICIENTS.length;

/** Changes the first quantisation table (ITU T.81, B.2.4.1), which costs no encoding. */
function withOtherPixels(jpeg: Buffer, variant: number): Buffer {
  const changed = Buffer.from(jpeg);
  const table = changed.indexOf(QUANTISATION_TABLE) + TABLE_HEADER_BYTES;
  for (const [n, coefficient] of COEFFICIENTS.entries()) {
    changed[table + coefficient]! += Math.floor(variant / STEPS ** n) % STEPS;
  }
  return changed;
}

async function makeJpegs(sides: readonly number[]): Promise<Buffer[]> {
  const made: Buffer[] = [];
  for (const [n, width] of sides.entries()) made.push(await makeJpeg(width, Math.round(width * 0.75), n));
  return made;
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
     from generate_series(1, $2::int) as n
     join jsonb_array_elements($3::text::jsonb) with ordinality as e(c, at) on (n - 1) % $4::int = at - 1`,
    [prefix, count, contents, files.length],
  );
  // Its trigger reads the contents.
  await stack.primary.query(
    `insert into tidemark.files (id, path, owner)
     select md5($1 || n)::uuid, $1 || lpad(n::text, 6, '0') || '.jpg', 'bench' from generate_series(1, $2::int) as n`,
    [prefix, count],
  );
}
