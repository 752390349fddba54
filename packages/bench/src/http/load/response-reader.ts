/** Reads one HTTP/1.1 answer after another (RFC 9112): by length, or in chunks. Pure; nothing of a body is kept but what is asked for. */
import { errors } from '../../errors.ts';

export interface ReadResponse {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  /** It has the text that was expected; where none was, it is empty. */
  readonly includes: boolean;
  /** Its beginning, as it came, for people: only of answers that are not as expected. */
  readonly text: string;
  /** The server ends the connection behind it. */
  readonly closes: boolean;
}

type Part = 'head' | 'body' | 'chunk size' | 'chunk' | 'chunk end' | 'trailer';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const CLOSES = /\r\nconnection: *close/i;
const TEXT_BYTES = 300;
/** A head, or the line with a chunk's size, that is longer is none. */
const LINE_MOST_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export class ResponseReader {
  #part: Part = 'head';
  #includes: Buffer = NOTHING;
  #looks = true;
  /** Bytes that are missing of the body, or of the chunk. */
  #left = 0;
  /** What came of a line, or of a text that is looked for: the next piece goes behind it. */
  #rest: Buffer = NOTHING;
  #status = 0;
  #bytes = 0;
  #found = false;
  #text = '';
  #closes = false;

  /** @param looks whether the body is looked at */
  expect(includes: Buffer, looks: boolean): void {
    this.#includes = includes;
    this.#looks = looks;
    this.#part = 'head';
    this.#rest = NOTHING;
    this.#bytes = 0;
    this.#found = false;
    this.#text = '';
  }

  /** @returns the answer, when this was the end of it. @throws BENCH_NO_ANSWER where it is none */
  read(data: Buffer): ReadResponse | undefined {
    let at = 0;
    while (at < data.length || this.#isWhole()) {
      if (this.#part === 'body' || this.#part === 'chunk') {
        const end = Math.min(data.length, at + this.#left);
        this.#body(data.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left > 0) return undefined;
        if (this.#part === 'body') return this.#answer();
        this.#part = 'chunk end';
      } else {
        const mark = this.#part === 'head' ? HEAD_END : LINE_END;
        const line = this.#line(data.subarray(at), mark);
        if (!line) return undefined;
        at += line.used;
        if (this.#part === 'head') this.#head(line.text);
        else if (this.#part === 'chunk end') this.#part = 'chunk size';
        else if (this.#part === 'trailer') {
          if (line.text === '') return this.#answer();
        } else {
          this.#left = Number.parseInt(line.text, 16);
          if (Number.isNaN(this.#left))
            throw errors.NO_ANSWER({ reason: `not the size of a chunk: ${line.text.slice(0, 40)}` });
          this.#part = this.#left === 0 ? 'trailer' : 'chunk';
        }
      }
    }
    return undefined;
  }

  /** An empty body is whole without another byte. */
  #isWhole(): boolean {
    return this.#part === 'body' && this.#left === 0;
  }

  /** What is before `mark`, and how much of `data` it took, the mark included. */
  #line(data: Buffer, mark: Buffer): { text: string; used: number } | undefined {
    const all = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const end = all.indexOf(mark);
    if (end < 0) {
      if (all.length > LINE_MOST_BYTES)
        throw errors.NO_ANSWER({ reason: `not HTTP: ${all.toString('latin1', 0, 40)}` });
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
    else throw errors.NO_ANSWER({ reason: 'an answer without its length' });
    this.#part = 'body';
  }

  #body(piece: Buffer): void {
    this.#bytes += piece.length;
    if (!this.#looks || piece.length === 0) return;
    if (this.#includes.length > 0 && !this.#found) {
      const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
      this.#found = all.includes(this.#includes);
      // The text may lie over the border of two pieces. Of a chunked body, the line behind begins afresh.
      const isCut = !this.#found && piece.length < this.#left;
      this.#rest = isCut ? Buffer.from(all.subarray(Math.max(0, all.length - this.#includes.length + 1))) : NOTHING;
    }
    if (!this.#found && this.#text.length < TEXT_BYTES) this.#text += piece.toString('latin1', 0, TEXT_BYTES);
  }

  #answer(): ReadResponse {
    return {
      status: this.#status,
      bytes: this.#bytes,
      includes: this.#includes.length === 0 ? this.#bytes === 0 : this.#found,
      text: this.#text.slice(0, TEXT_BYTES),
      closes: this.#closes,
    };
  }
}
