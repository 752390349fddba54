/** yazl writes ZIP64 where counts or sizes need it, UTF-8 names, and one entry at a time without keeping its bytes. */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';

export interface ZipEntry {
  name: string;
  size: number;
  modifiedAt: Date;
  /** False for what is compressed already, such as JPEG. */
  compress: boolean;
  open(): Promise<Readable>;
}

/** The sizes of a local header have 32 bits. Deflate may add 5 bytes for each 16 KB. */
const MAX_SHORT_BYTES = 0xffff_ffff - 2 * 1024 ** 2;

/** Entries are opened one after the other, when the reader has taken the bytes of those before. */
export function zipStream(entries: AsyncIterable<ZipEntry>, signal: AbortSignal): Readable {
  const zip = new ZipFile();
  const out = zip.outputStream as Readable;
  let current: Readable | undefined;
  out.once('close', () => current?.destroy());
  const fail = (error: unknown) => void out.destroy(error as Error);
  zip.on('error', fail);
  const write = async () => {
    for await (const entry of entries) {
      signal.throwIfAborted();
      current = await entry.open();
      // The file of the entry would stay open.
      if (out.destroyed) current.destroy();
      await addEntry(zip, entry, current);
    }
    zip.end();
  };
  write().catch(fail);
  return out;
}

async function addEntry(zip: ZipFile, entry: ZipEntry, source: Readable): Promise<void> {
  const { name, size, modifiedAt, compress } = entry;
  const options = { size, mtime: modifiedAt, mode: 0o100_644, compress, forceZip64Format: size > MAX_SHORT_BYTES };
  zip.addReadStream(source, name, options);
  await finished(source, { writable: false });
}
