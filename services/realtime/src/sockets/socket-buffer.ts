/** The bytes that the kernel has not taken because the client does not read, limited. */
import type { Socket } from 'node:net';
import { drained } from './drained.ts';

export interface BufferLimits {
  maxBufferedBytes: number;
  /** Time for which the buffer may be more than half full. */
  slowMs: number;
}

/** Time that the next page of a snapshot waits for the client to read. */
const ROOM_TIMEOUT_MS = 15_000;

export class SocketBuffer {
  #raw: Socket;
  #limits: BufferLimits;
  /** Called when bytes are buffered. The buffer must be watched until it is empty. */
  #onBuffered: () => void;
  #slowSince: number | undefined;
  /** Bytes of answers since the buffer exceeded its limit. */
  #toldBytes = 0;

  constructor(raw: Socket, limits: BufferLimits, onBuffered: () => void) {
    this.#raw = raw;
    this.#limits = limits;
    this.#onBuffered = onBuffered;
  }

  get bytes(): number {
    return this.#raw.writableLength;
  }

  get isHalfFull(): boolean {
    return this.bytes > this.#limits.maxBufferedBytes / 2;
  }

  get #isFull(): boolean {
    return this.bytes > this.#limits.maxBufferedBytes;
  }

  /** Returns false, and writes nothing, where the buffer is full. */
  write(frame: Buffer): boolean {
    if (this.#isFull) {
      this.#slowSince ??= Date.now();
      return false;
    }
    this.#send(frame);
    return true;
  }

  /** Writes also over the limit. Returns false, and writes nothing, when answers would exceed twice the limit. */
  tell(frame: Buffer): boolean {
    this.#toldBytes = this.#isFull ? this.#toldBytes + frame.length : 0;
    if (this.#toldBytes > this.#limits.maxBufferedBytes) return false;
    this.#send(frame);
    return true;
  }

  /** Called after something else has written to the socket. */
  note(): void {
    if (this.bytes > 0) this.#onBuffered();
  }

  /** Returns whether the client has not read for too long. Called each second while bytes are buffered. */
  isStuck(now: number): boolean {
    if (!this.isHalfFull) this.#slowSince = undefined;
    else this.#slowSince ??= now;
    return this.#slowSince !== undefined && now - this.#slowSince >= this.#limits.slowMs;
  }

  /** Resolves once half of the buffer is free. */
  async room(): Promise<'drained' | 'late' | 'closed'> {
    return this.isHalfFull ? drained(this.#raw, ROOM_TIMEOUT_MS) : 'drained';
  }

  #send(frame: Buffer): void {
    this.#raw.write(frame);
    this.note();
  }
}
