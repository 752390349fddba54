/**
 * The server appends by itself, so it never waits for us. A file above the limit is copied to `<name>.1` and
 * truncated.
 */
import { chmodSync, closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';

/** A log and its predecessor take at most about twice this. */
const LIMIT_BYTES = 16 * 1024 * 1024;
/** ms between checks; at 100 MB/s of log the file exceeds its limit by at most 500 MB. */
const LOOK_EVERY_MS = 5_000;
const TAIL_BYTES = 4_096;

export class BoundedLog {
  readonly path: string;
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  #mark = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'a+', 0o600);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  get fd(): number {
    return this.#fd;
  }

  mark(): void {
    this.#mark = fstatSync(this.#fd).size;
  }

  /** Returns at most 4 KB. */
  sinceMark(): string {
    const end = fstatSync(this.#fd).size;
    const start = Math.max(end < this.#mark ? 0 : this.#mark, end - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, end - start));
    const read = readSync(this.#fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, read).trim();
  }

  /** A log that cannot be rotated now is rotated at a later check. */
  #look(): void {
    try {
      this.turnOver();
    } catch {
      // The server writes to the file all the same.
    }
  }

  turnOver(limit: number = LIMIT_BYTES): void {
    if (fstatSync(this.#fd).size <= limit) return;
    try {
      copyFileSync(this.path, `${this.path}.1`);
      chmodSync(`${this.path}.1`, 0o600);
    } catch {
      // Truncating frees space on a full disk, and copying would need more.
      rmSync(`${this.path}.1`, { force: true });
    }
    ftruncateSync(this.#fd);
    this.#mark = 0;
  }

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }
}
