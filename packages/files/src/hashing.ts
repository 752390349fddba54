import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { fileErrors } from './errors.ts';

/** Returns a stream that passes bytes on, and hashes and counts them. It fails with FILES_TOO_LARGE at the first byte above the limit. */
export function createHashing(limitBytes: number): {
  stream: Transform;
  result(): { size: number; sha256: string };
} {
  const hash = createHash('sha256');
  let size = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.byteLength;
      if (size > limitBytes) return done(fileErrors.TOO_LARGE({ limitBytes }));
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, result: () => ({ size, sha256: hash.digest('hex') }) };
}
