/** The codings that this Node has. */
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Coding } from './accept-encoding.ts';

/**
 * Above these, time grows faster than bytes shrink. One run on 200 KB of made-up JSON rows, Node 20, a guide and no benchmark:
 * gzip 6 → 9, 13 → 30 ms for 2 % fewer bytes; brotli 4 → 11 (its default), 3 → 768 ms for 25 % fewer.
 */
export const GZIP_LEVEL = 6;
const BROTLI_QUALITY = 4;

type Compress = (bytes: string | Buffer) => Promise<Buffer>;
export type CodingStream = zlib.Gzip | zlib.BrotliCompress;

export interface Codec {
  /** A whole body, on a thread of Node's pool. */
  compress: Compress;
  stream(): CodingStream;
}

/** zstd came with Node 22.15 and 23.8: the types of Node 20 do not know it. */
interface Zstd {
  zstdCompress(bytes: string | Buffer, done: (error: Error | null, result: Buffer) => void): void;
  createZstdCompress(): CodingStream;
}

const hasZstd = (module: object): module is Zstd => 'zstdCompress' in module && 'createZstdCompress' in module;

const brotliOptions = (size?: number) => ({
  params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    ...(size === undefined ? {} : { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: size }),
  },
});
const gzip = promisify<string | Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip);
const brotli = promisify<string | Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);

/** Best first. At these levels brotli took a quarter of gzip's time in that run, for a tenth more bytes; zstd was not measured. */
export function availableCodecs(module: object = zlib, gzipLevel = GZIP_LEVEL): ReadonlyMap<Coding, Codec> {
  const gzipOptions = { level: gzipLevel };
  const codecs = new Map<Coding, Codec>();
  if (hasZstd(module)) {
    codecs.set('zstd', {
      compress: promisify(module.zstdCompress),
      stream: () => module.createZstdCompress(),
    });
  }
  codecs.set('br', {
    compress: (bytes) => brotli(bytes, brotliOptions(bytes.length)),
    stream: () => zlib.createBrotliCompress(brotliOptions()),
  });
  codecs.set('gzip', {
    compress: (bytes) => gzip(bytes, gzipOptions),
    stream: () => zlib.createGzip(gzipOptions),
  });
  return codecs;
}
