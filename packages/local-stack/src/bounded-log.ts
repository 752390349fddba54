/**
 * The log file of a server, with a bound. The server itself holds the file open for appending, so that it never waits
 * for this process; when the file has grown past the bound, it is copied to `<name>.1` and cut to nothing.
 */
import { chmodSync, closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';

/** Bytes after which a log is turned over: with its predecessor, at most about twice this on the disk. */
const LIMIT_BYTES = 16 * 1024 * 1024;
/** Milliseconds between two looks; at 100 MB/s of log the file is at most 500 MB too long for a moment. */
const LOOK_EVERY_MS = 5_000;
/** Bytes of the end of a log that an error carries. */
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

  /** The descriptor for a child's stdout and stderr. */
  get fd(): number {
    return this.#fd;
  }

  /** Remembers the present end: `sinceMark` gives what came after it. */
  mark(): void {
    this.#mark = fstatSync(this.#fd).size;
  }

  /** The last lines (at most 4 KB) written since `mark`. */
  sinceMark(): string {
    const end = fstatSync(this.#fd).size;
    const start = Math.max(end < this.#mark ? 0 : this.#mark, end - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, end - start));
    const read = readSync(this.#fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, read).trim();
  }

  /** A log that cannot be turned over now is turned over at a later look. */
  #look(): void {
    try {
      this.turnOver();
    } catch {
      // The server goes on writing to it all the same.
    }
  }

  turnOver(limit: number = LIMIT_BYTES): void {
    if (fstatSync(this.#fd).size <= limit) return;
    try {
      copyFileSync(this.path, `${this.path}.1`);
      chmodSync(`${this.path}.1`, 0o600);
    } catch {
      // On a full disk the older lines are given up: cutting the file makes space, keeping it would take more.
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
