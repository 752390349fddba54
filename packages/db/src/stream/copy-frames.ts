/**
 * Moves the rows of COPY TO STDOUT (a message each) together inside the network's buffer, so that one buffer is one
 * chunk. Source: Postgres's documentation, "Message Formats" and "COPY Operations".
 */
import { errors } from '../errors.ts';

export interface Framing {
  open: string;
  /** At most one byte, since it replaces the header of a message. */
  between: string;
  close: string;
  dropNewline: boolean;
}

export interface Message {
  type: string;
  body: Buffer;
}

const COPY_DATA = 0x64;
const HEADER_BYTES = 5;
/** Enough for an error with long details; a longer message is not of this protocol. */
const MAX_MESSAGE_BYTES = 1024 ** 2;
/** For fewer bytes, a loop is faster than copyWithin. */
const MAX_LOOP_BYTES = 24;

export class CopyFrames {
  rows = 0;
  readonly messages: Message[] = [];
  readonly #between: number;
  readonly #dropNewline: boolean;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #left = 0;
  #isRow = false;
  #parts: Buffer[] = [];

  constructor({ between, dropNewline }: Framing) {
    this.#between = between === '' ? -1 : between.charCodeAt(0);
    this.#dropNewline = dropNewline;
  }

  get isMidRow(): boolean {
    return this.#isRow && this.#left > 0;
  }

  /** Overwrites `chunk`, and returns its part that now holds the bytes of rows. Other messages are added to `messages`. */
  take(chunk: Buffer): Buffer {
    let read = 0;
    let written = 0;
    const end = chunk.length;
    while (read < end) {
      if (this.#left === 0) {
        if (this.#headerBytes === 0 && end - read >= HEADER_BYTES) {
          this.#begin(chunk[read] as number, chunk.readUInt32BE(read + 1));
          read += HEADER_BYTES;
        } else {
          this.#header[this.#headerBytes++] = chunk[read++] as number;
          if (this.#headerBytes < HEADER_BYTES) continue;
          this.#headerBytes = 0;
          this.#begin(this.#header[0] as number, this.#header.readUInt32BE(1));
        }
        // At least the last byte of the header was in this chunk, so there is room for one byte.
        if (this.#isRow && this.#between !== -1 && this.rows > 1) chunk[written++] = this.#between;
      }
      const taken = Math.min(this.#left, end - read);
      this.#left -= taken;
      if (this.#isRow) {
        if (read !== written) move(chunk, written, read, taken);
        written += taken;
        if (this.#dropNewline && this.#left === 0 && taken > 0) written -= 1;
      } else {
        if (taken > 0) this.#parts.push(Buffer.from(chunk.subarray(read, read + taken)));
        if (this.#left === 0) this.#ended();
      }
      read += taken;
    }
    return chunk.subarray(0, written);
  }

  #begin(type: number, length: number): void {
    this.#isRow = type === COPY_DATA;
    this.#left = length - 4;
    if (this.#isRow) {
      this.rows += 1;
      return;
    }
    if (length < 4 || length > MAX_MESSAGE_BYTES) throw errors.STREAM_PROTOCOL({ type, length });
    this.#parts = [];
    this.#type = String.fromCharCode(type);
  }

  #type = '';

  #ended(): void {
    this.messages.push({ type: this.#type, body: Buffer.concat(this.#parts) });
    this.#parts = [];
  }
}

function move(buffer: Buffer, to: number, from: number, length: number): void {
  if (length > MAX_LOOP_BYTES) buffer.copyWithin(to, from, from + length);
  else for (let i = 0; i < length; i++) buffer[to + i] = buffer[from + i] as number;
}
