/**
 * While a COPY runs, the socket is read here instead of by the driver (as pg-copy-streams does with `pg`): the same
 * connection, limits and lease. When the buffer is full, the socket is paused, then Postgres.
 */
import { addAbortSignal, Readable } from 'node:stream';
import type { LentSocket } from '../connection/connection.ts';
import { fromErrorResponse } from '../connection/postgres-error.ts';
import { errors } from '../errors.ts';
import { ROLLBACK } from '../transactions/transaction.ts';
import { CopyFrames, type Message } from './copy-frames.ts';
import { FRAMINGS } from './copy-statement.ts';
import { abandonStream, endStream, type OpenStream } from './open-stream.ts';
import type { StreamMeter } from './stream-meter.ts';
import type { CopyBody, CopyRequest, StreamSource } from './types.ts';
import { noteGarbage } from './young-garbage.ts';

/** Two reads of a socket: enough to keep both sides busy. */
const BUFFER_BYTES = 128 * 1024;

export class CopyReadable extends Readable implements CopyBody {
  bytes = 0;
  readonly #stream: OpenStream;
  readonly #request: CopyRequest;
  readonly #from: StreamSource;
  readonly #meter: StreamMeter;
  readonly #frames: CopyFrames;
  readonly #header: 0 | 1;
  #lent: LentSocket | undefined;
  #driverListeners: ((chunk: Buffer) => void)[] = [];
  #failure: Error | undefined;
  #isOver = false;
  #stallTimer: NodeJS.Timeout | undefined;
  #firstBytes: (() => void) | undefined;

  constructor(stream: OpenStream, request: CopyRequest, from: StreamSource, meter: StreamMeter) {
    super({ highWaterMark: BUFFER_BYTES });
    // A reader has its own listener; without a reader, an error must not end the process.
    this.on('error', () => undefined);
    this.#stream = stream;
    this.#request = request;
    this.#from = from;
    this.#meter = meter;
    this.#frames = new CopyFrames(FRAMINGS[request.format]);
    this.#header = request.format === 'csv' ? 1 : 0;
  }

  get rows(): number {
    return Math.max(0, this.#frames.rows - this.#header);
  }

  async start(text: string): Promise<void> {
    const { connection } = this.#stream.lease;
    this.#meter.started();
    if (this.#request.signal) addAbortSignal(this.#request.signal, this);
    if (this.destroyed) throw this.errored ?? errors.STREAM_ABORTED();
    const lent = connection.lend(this.#stream.timeoutMs, (_rows, error) => this.#end(error));
    if (lent === undefined) throw this.errored ?? errors.STREAM_ABORTED();
    this.#lent = lent;
    const { socket } = lent;
    this.#driverListeners = socket.listeners('data') as ((chunk: Buffer) => void)[];
    socket.removeAllListeners('data');
    socket.on('data', this.#onData);
    await new Promise<void>((resolve, reject) => {
      this.#firstBytes = resolve;
      this.once('error', reject);
      this.once('close', resolve);
      const query = Buffer.from(`${text}\0`);
      const head = Buffer.from([QUERY, 0, 0, 0, 0]);
      head.writeUInt32BE(query.length + 4, 1);
      socket.write(Buffer.concat([head, query]));
    });
  }

  override _read(): void {
    clearTimeout(this.#stallTimer);
    this.#lent?.socket.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#stallTimer);
    const reason = errors.STREAM_ABORTED(undefined, { cause: error ?? undefined });
    if (!this.#isOver) {
      this.#isOver = true;
      this.#meter.ended('abortedTotal', this.rows, this.bytes);
      abandonStream(this.#stream, reason, () => this.#meter.cancelFailed());
    }
    done(error?.name === 'AbortError' ? reason : error);
  }

  readonly #onData = (chunk: Buffer): void => {
    let wantsMore = true;
    try {
      const rows = this.#frames.take(chunk);
      this.#lent?.answered();
      if (rows.length > 0) wantsMore = this.#give(rows);
      for (const message of this.#frames.messages.splice(0)) this.#hear(message);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.bytes > 0 && this.#failure === undefined) this.#began();
    if (!wantsMore && !this.#isOver) this.#pause();
  };

  #give(rows: Buffer): boolean {
    const { open } = FRAMINGS[this.#request.format];
    if (this.bytes === 0 && open !== '') this.push(open);
    this.bytes += rows.length;
    noteGarbage(rows.length);
    return this.push(rows);
  }

  #pause(): void {
    const { stallMs = 0 } = this.#request;
    this.#lent?.socket.pause();
    if (stallMs === 0) return;
    this.#stallTimer = setTimeout(() => this.destroy(errors.STREAM_STALLED({ ms: stallMs })), stallMs);
  }

  #hear({ type, body }: Message): void {
    if (type === 'E') this.#failure = fromErrorResponse(body);
    else if (type === 'Z') this.#end(undefined);
  }

  #end(lost: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#stallTimer);
    const error = this.#failure ?? lost;
    if (lost === undefined) this.#returnSocket();
    else this.#stream.pool.release(this.#stream.lease);
    this.#lent = undefined;
    this.#meter.ended(error === undefined ? 'completedTotal' : 'failedTotal', this.rows, this.bytes);
    if (lost === undefined) endStream(this.#stream, error === undefined ? undefined : ROLLBACK);
    this.#close(error);
  }

  #close(error: Error | undefined): void {
    const { format, lastLine } = this.#request;
    const hasBegun = this.#firstBytes === undefined;
    if (error !== undefined && (lastLine === undefined || !hasBegun)) {
      this.destroy(error);
      return;
    }
    const { open, close } = FRAMINGS[format];
    const last = this.#request.lastNewline && format === 'csv' && this.bytes > 0 ? '\n' : '';
    if (error === undefined) this.push(`${this.bytes === 0 ? open : ''}${close}${last}`);
    const line = lastLine?.(this.rows, error, this.#from);
    if (line !== undefined) this.push(`${this.#frames.isMidRow ? '\n' : ''}${line}\n`);
    this.push(null);
    this.#began();
  }

  #began(): void {
    this.#firstBytes?.();
    this.#firstBytes = undefined;
  }

  #returnSocket(): void {
    const lent = this.#lent;
    if (lent === undefined) return;
    lent.socket.off('data', this.#onData);
    for (const listener of this.#driverListeners) lent.socket.on('data', listener);
    lent.socket.resume();
    lent.giveBack();
  }
}

const QUERY = 0x51;
