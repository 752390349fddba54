const FIRST_BYTES = 16 * 1024;
/** A larger buffer is not kept, so that one long parameter does not stay in memory. */
const MAX_KEPT_BYTES = 256 * 1024;
const PARSE = 0x50;
const BIND = 0x42;
const CLOSE = 0x43;
const DESCRIBE = 0x44;
const STATEMENT = 0x53;
const NULL = 0xffff_ffff;
/** Runs the unnamed portal and fetches all rows. */
const EXECUTE = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

export class PipelineMessages {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #from = 0;
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#from;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(this.#from, this.#at);
    this.#from = this.#at;
    // The socket may still hold what was taken: the room behind it is used, then another buffer.
    if (this.#bytes.length - this.#at < FIRST_BYTES / 4) {
      this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
      this.#from = 0;
      this.#at = 0;
    }
    return taken;
  }

  parse(name: string, text: string): void {
    const start = this.#begin(PARSE, 3 * (name.length + text.length) + 8);
    this.#text(name);
    this.#text(text);
    this.#bytes.writeUInt16BE(0, this.#at);
    this.#at += 2;
    this.#end(start);
  }

  describe(name: string): void {
    const start = this.#begin(DESCRIBE, 3 * name.length + 8);
    this.#bytes[this.#at++] = STATEMENT;
    this.#text(name);
    this.#end(start);
  }

  close(name: string): void {
    const start = this.#begin(CLOSE, 3 * name.length + 8);
    this.#bytes[this.#at++] = STATEMENT;
    this.#text(name);
    this.#end(start);
  }

  execute(name: string, params: readonly (string | null)[]): void {
    let maxBytes = 3 * name.length + 32 + 4 * params.length;
    for (let i = 0; i < params.length; i++) maxBytes += 3 * (params[i]?.length ?? 0);
    const start = this.#begin(BIND, maxBytes);
    const bytes = this.#bytes;
    bytes[this.#at++] = 0;
    this.#text(name);
    let at = bytes.writeUInt16BE(0, this.#at);
    at = bytes.writeUInt16BE(params.length, at);
    for (let i = 0; i < params.length; i++) {
      const param = params[i] as string | null;
      if (param === null) at = bytes.writeUInt32BE(NULL, at);
      else {
        const length = bytes.write(param, at + 4);
        bytes.writeUInt32BE(length, at);
        at += 4 + length;
      }
    }
    this.#at = bytes.writeUInt16BE(0, at);
    this.#end(start);
    this.#copy(EXECUTE);
  }

  sync(): void {
    this.#copy(SYNC);
  }

  #begin(type: number, maxBytes: number): number {
    const needed = maxBytes + 32;
    if (this.#bytes.length - this.#at < needed) this.#grow(needed);
    const start = this.#at;
    this.#bytes[start] = type;
    this.#at = start + 5;
    return start;
  }

  #end(start: number): void {
    this.#bytes.writeUInt32BE(this.#at - start - 1, start + 1);
  }

  #text(text: string): void {
    const bytes = this.#bytes;
    const at = this.#at + bytes.write(text, this.#at);
    bytes[at] = 0;
    this.#at = at + 1;
  }

  #copy(message: Buffer): void {
    if (this.#bytes.length - this.#at < message.length) this.#grow(message.length);
    const bytes = this.#bytes;
    for (let i = 0; i < message.length; i++) bytes[this.#at++] = message[i] as number;
  }

  #grow(needed: number): void {
    const held = this.#bytes.subarray(this.#from, this.#at);
    const size = Math.max(FIRST_BYTES, 2 * (held.length + needed));
    const bytes = Buffer.allocUnsafeSlow(size > MAX_KEPT_BYTES ? held.length + needed : size);
    held.copy(bytes);
    this.#bytes = bytes;
    this.#from = 0;
    this.#at = held.length;
  }
}
