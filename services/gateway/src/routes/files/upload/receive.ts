/** Streams the bytes of one file from the network into the store. The type is detected from the first bytes; a file that breaks off is not kept. */
import { Readable } from 'node:stream';
import { TidemarkError } from '@tidemark/contracts';
import { agreedType, type FileStore, type StoredFile, TYPE_BYTES } from '@tidemark/files';
import { fileRequestErrors } from '../errors.ts';
import { unlessAborted } from './upload-watch.ts';

export interface ReceiveOptions {
  declared: string | undefined;
  limitBytes: number;
  /** Aborted when the sender stalls (upload-watch.ts). */
  signal: AbortSignal;
  onBytes(bytes: number): void;
}

/** The source is not destroyed when this throws, so that the answer still reaches the client (discard-body.ts). */
export async function receive(
  store: FileStore,
  source: Readable,
  options: ReceiveOptions,
): Promise<StoredFile & { contentType: string }> {
  const chunks = read(source, options);
  try {
    const head: Buffer[] = [];
    let length = 0;
    while (length < TYPE_BYTES) {
      const next = await chunks.next();
      if (next.done) break;
      head.push(next.value);
      length += next.value.length;
    }
    const contentType = agreedType(options.declared, Buffer.concat(head).subarray(0, TYPE_BYTES));
    const whole = Readable.from(joined(head, chunks), { objectMode: false });
    return { ...(await store.put(whole, { limitBytes: options.limitBytes })), contentType };
  } finally {
    await chunks.return(undefined);
  }
}

async function* joined(head: readonly Buffer[], rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield* head;
  yield* rest;
}

async function* read(source: Readable, { signal, onBytes }: ReceiveOptions): AsyncGenerator<Buffer, void, undefined> {
  const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer> & AsyncIterable<Buffer>;
  try {
    for (;;) {
      const next = await unlessAborted(chunks.next(), signal);
      if (next.done) return;
      onBytes(next.value.length);
      yield next.value;
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw fileRequestErrors.ABORTED({ reason: (error as Error).message }, { cause: error });
  } finally {
    // After a stall, the iterator would wait for a chunk that does not come.
    if (!signal.aborted) await chunks.return?.();
  }
}
