/** RFC 9112, by length or in chunks. It keeps nothing of a body but what the checks need. */
import { errors } from '../../errors.ts';

export interface ReceivedResponse {
  readonly status: number;
  readonly bytes: number;
  readonly includes: boolean;
  /** Start of a body without the expected text, for error messages. */
  readonly text: string;
  readonly closes: boolean;
}

type Part = 'head' | 'body' | 'chunk size' | 'chunk' | 'chunk end' | 'trailer';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const CLOSES = /\r\nconnection: *close/i;
const TEXT_BYTES = 300;
/** Longer heads and chunk-size lines are errors. */
const MAX_LINE_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export class ResponseReader {
  #part: Part = 'head';
  #includes: Buffer = NOTHING;
  #checksBody = true;
  #left = 0;
  /** Received part of a line, or of the expected text, that the next piece continues. */
  #rest: Buffer = NOTHING;
  #status = 0;
  #bytes = 0;
  #found = false;
  #text = '';
  #closes = false;

  expect(includes: Buffer, checksBody: boolean): void {
    this.#includes = includes;
    this.#checksBody = checksBody;
    this.#part = 'head';
    this.#rest = NOTHING;
    this.#bytes = 0;
    this.#found = false;
    this.#text = '';
  }

  read(data: Buffer): ReceivedResponse | undefined {
    let at = 0;
    while (at < data.length || this.#isComplete()) {
      if (this.#part === 'body' || this.#part === 'chunk') {
        const end = Math.min(data.length, at + this.#left);
        this.#body(data.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left > 0) return undefined;
        if (this.#part === 'body') return this.#response();
        this.#part = 'chunk end';
      } else {
        const mark = this.#part === 'head' ? HEAD_END : LINE_END;
        const line = this.#line(data.subarray(at), mark);
        if (!line) return undefined;
        at += line.used;
        if (this.#part === 'head') this.#head(line.text);
        else if (this.#part === 'chunk end') this.#part = 'chunk size';
        else if (this.#part === 'trailer') {
          if (line.text === '') return this.#response();
        } else {
          this.#left = Number.parseInt(line.text, 16);
          if (Number.isNaN(this.#left)) {
            throw errors.NO_ANSWER({ reason: `invalid size of a chunk: ${line.text.slice(0, 40)}` });
          }
          this.#part = this.#left === 0 ? 'trailer' : 'chunk';
        }
      }
    }
    return undefined;
  }

  #isComplete(): boolean {
    return this.#part === 'body' && this.#left === 0;
  }

  #line(data: Buffer, mark: Buffer): { text: string; used: number } | undefined {
    const all = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const end = all.indexOf(mark);
    if (end < 0) {
      if (all.length > MAX_LINE_BYTES) throw errors.NO_ANSWER({ reason: `not HTTP: ${all.toString('latin1', 0, 40)}` });
      this.#rest = Buffer.from(all);
      return undefined;
    }
    const used = end + mark.length - this.#rest.length;
    this.#rest = NOTHING;
    return { text: all.toString('latin1', 0, end), used };
  }

  #head(head: string): void {
    this.#status = Number(head.slice(9, 12));
    this.#closes = CLOSES.test(head);
    const length = LENGTH.exec(head)?.[1];
    if (length !== undefined) this.#left = Number(length);
    else if (CHUNKED.test(head)) {
      this.#part = 'chunk size';
      return;
    } else if (this.#status === 204 || this.#status === 304) this.#left = 0;
    else throw errors.NO_ANSWER({ reason: 'a response without its length' });
    this.#part = 'body';
  }

  #body(piece: Buffer): void {
    this.#bytes += piece.length;
    if (!this.#checksBody || piece.length === 0) return;
    if (this.#includes.length > 0 && !this.#found) {
      const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
      this.#found = all.includes(this.#includes);
      // The text may continue in the next piece, but not in another chunk.
      const isCut = !this.#found && piece.length < this.#left;
      this.#rest = isCut ? Buffer.from(all.subarray(Math.max(0, all.length - this.#includes.length + 1))) : NOTHING;
    }
    if (!this.#found && this.#text.length < TEXT_BYTES) this.#text += piece.toString('latin1', 0, TEXT_BYTES);
  }

  #response(): ReceivedResponse {
    return {
      status: this.#status,
      bytes: this.#bytes,
      includes: this.#includes.length === 0 ? this.#bytes === 0 : this.#found,
      text: this.#text.slice(0, TEXT_BYTES),
      closes: this.#closes,
    };
  }
}
