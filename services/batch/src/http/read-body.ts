import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { HttpFailure } from './http-failure.ts';

const DECODERS: Readonly<Record<string, typeof gunzip>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress,
};

/** Returns at most `maxBytes`, also of a body that grows when it is decompressed. @throws HttpFailure */
export async function readBody(
  body: Readable,
  encoding: string | string[] | undefined,
  maxBytes: number,
): Promise<Buffer> {
  const tooLarge = () =>
    new HttpFailure('HTTP_TOO_LARGE', `the response has more than ${maxBytes} bytes`, {
      hint: 'Raise BATCH_HTTP_MAX_BYTES.',
    });
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += (part as Buffer).length;
    // Leaving the loop ends the connection.
    if (size > maxBytes) throw tooLarge();
    parts.push(part as Buffer);
  }
  const bytes = Buffer.concat(parts);
  const name = String(encoding ?? '').toLowerCase();
  if (name === '' || name === 'identity') return bytes;
  const decode = DECODERS[name];
  if (!decode) throw new HttpFailure('HTTP_ENCODING', `the response has the unknown encoding "${name.slice(0, 50)}"`);
  try {
    return await promisify(decode)(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new HttpFailure('HTTP_ENCODING', `the response is no ${name}: ${(error as Error).message}`);
  }
}
