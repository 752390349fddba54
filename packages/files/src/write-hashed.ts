import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { fileErrors } from './errors.ts';
import { FILE_MODE } from './private-folder.ts';

/** Larger buffers are hashed in slices of this many bytes, so that the event loop is never blocked for long. */
const SLICE_BYTES = 1024 * 1024;

/** It holds one chunk of the source at a time. The caller deletes the file when this throws. */
export async function writeHashed(
  name: string,
  content: Readable,
  limitBytes: number,
  signal: AbortSignal | undefined,
): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  const file = await open(name, 'wx', FILE_MODE);
  try {
    for await (const chunk of content) {
      signal?.throwIfAborted();
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
      size += bytes.byteLength;
      if (size > limitBytes) throw fileErrors.TOO_LARGE({ limitBytes });
      hash.update(bytes);
      await writeAll(file, bytes);
    }
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), size };
}

export async function hashBytes(content: Uint8Array, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for (const [n, slice] of [...slices(content)].entries()) {
    if (n > 0) await setImmediate();
    signal?.throwIfAborted();
    hash.update(slice);
  }
  return hash.digest('hex');
}

/** The caller deletes the file when this throws. */
export async function writeSynced(name: string, content: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  const file = await open(name, 'wx', FILE_MODE);
  try {
    await writeAll(file, content);
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
}

function* slices(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.byteLength; at += SLICE_BYTES) yield content.subarray(at, at + SLICE_BYTES);
}

/** One write may take fewer bytes than it was given: near a full disk it does. */
async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at)).bytesWritten;
}
