import { errors } from '../errors.ts';
import { encodeStatement } from '../sql/param.ts';
import { ROLLBACK } from '../transactions/transaction.ts';
import type { Row, Rows } from '../types.ts';
import { abandonStream, endStream, type OpenStream } from './open-stream.ts';
import type { StreamMeter } from './stream-meter.ts';
import { type StreamRouting, startStream } from './stream-routing.ts';
import type { Batch, BatchRequest, StreamSource } from './types.ts';

/** At 1 KB a row, 1 MB: the round trip is a small part of its time. */
const DEFAULT_SIZE = 1_000;
const MAX_SIZE = 100_000;

export function batchSize(size = DEFAULT_SIZE): number {
  if (Number.isInteger(size) && size >= 1 && size <= MAX_SIZE) return size;
  throw errors.STREAM_REQUEST({ reason: `a size of ${size}; it may be 1 to ${MAX_SIZE} rows` });
}

export async function* rowsInBatches<R extends Row>(
  routing: StreamRouting,
  meter: StreamMeter,
  request: BatchRequest,
): AsyncGenerator<Batch<R>, void, undefined> {
  const size = batchSize(request.size);
  // Cursors of one name have different columns, and a prepared FETCH would read each by those of the first.
  const fetch = encodeStatement({ text: `fetch ${size} from "batches"`, prepare: false });
  const { text, params } = request.statement;
  const declare = encodeStatement({
    text: `declare "batches" no scroll cursor for ${text}`,
    prepare: false,
    ...(params !== undefined && { params }),
  });
  const { cursor, from, first } = await startStream(routing, request, async (stream, source) => {
    const opened = new Cursor(stream, meter, request);
    // The first rows belong to the start as well: until they come, a fault of the replica leads to the primary.
    await opened.send(declare);
    return { cursor: opened, from: source as StreamSource, first: await opened.send(fetch) };
  });
  try {
    let rows = first;
    do {
      cursor.rows += rows.length;
      yield { rows: rows as Rows<R>, ...from };
      if (rows.length < size) return;
      rows = await cursor.send(fetch);
    } while (rows.length > 0);
  } finally {
    cursor.end();
  }
}

class Cursor {
  rows = 0;
  readonly #stream: OpenStream;
  readonly #meter: StreamMeter;
  readonly #request: BatchRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #began = performance.now();
  #isOver = false;
  #isBusy = false;

  constructor(stream: OpenStream, meter: StreamMeter, request: BatchRequest) {
    this.#stream = stream;
    this.#meter = meter;
    this.#request = request;
    this.#signal = request.signal;
    meter.started();
    this.#signal?.addEventListener('abort', this.#onAbort);
  }

  async send(statement: Parameters<OpenStream['lease']['connection']['send']>[0]): Promise<Rows> {
    if (this.#isOver || this.#signal?.aborted) {
      this.end();
      throw this.#aborted();
    }
    this.#isBusy = true;
    try {
      return await this.#stream.lease.connection.send(statement, this.#stream.timeoutMs);
    } catch (error) {
      this.#isBusy = false;
      this.#finish('failedTotal', () => endStream(this.#stream, ROLLBACK));
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  end(): void {
    this.#finish('completedTotal', () => endStream(this.#stream, ROLLBACK));
  }

  readonly #onAbort = (): void => {
    if (!this.#isBusy) {
      this.#finish('abortedTotal', () => endStream(this.#stream, ROLLBACK));
      return;
    }
    this.#finish('abortedTotal', () => abandonStream(this.#stream, this.#aborted(), () => this.#meter.cancelFailed()));
  };

  #aborted(): Error {
    return errors.STREAM_ABORTED(undefined, { cause: this.#signal?.reason });
  }

  #finish(how: 'completedTotal' | 'abortedTotal' | 'failedTotal', end: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#meter.ended(how, this.rows, 0);
    const { statement, holder } = this.#request;
    const stats = this.#stream.pool.statements.of(statement.text);
    const at = performance.now();
    const ms = at - this.#began;
    if (how === 'failedTotal') stats.recordError(0, ms, holder);
    else stats.record({ where: 'alone', waitMs: 0, ms, rows: this.rows, at, holder });
    end();
  }
}
