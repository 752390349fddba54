/**
 * The log file of a server, with a size limit. The server has the file open for appending, so that it never waits for this
 * process. A file above the limit is copied to `<name>.1` and truncated.
 */
import { chmodSync, closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';

/** Bytes after which a log is rotated; with its predecessor it takes at most about twice this. */
const LIMIT_BYTES = 16 * 1024 * 1024;
/** ms between checks; at 100 MB/s of log the file exceeds its limit by at most 500 MB. */
const LOOK_EVERY_MS = 5_000;
/** Bytes of the end of a log in an error. */
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

  /** Returns the descriptor for the stdout and stderr of a child. */
  get fd(): number {
    return this.#fd;
  }

  /** Remembers the current end for `sinceMark`. */
  mark(): void {
    this.#mark = fstatSync(this.#fd).size;
  }

  /** Returns the last lines (at most 4 KB) since `mark`. */
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
      // On a full disk the older lines are dropped, because truncating frees space, and copying would need more.
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
