/**
 * The destination of log lines: standard output, one write for each line. A line that cannot be written (a full disk, a
 * closed pipe) is dropped and counted. Pino's own destination ends the process at the first error.
 */
import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

export interface LogDestination extends DestinationStream {
  /** Lines dropped since the start. */
  droppedTotal(): number;
}

/** Attempts, and ms between them, while a pipe is full because its reader is slow. */
const PIPE_ATTEMPTS = 20;
const PIPE_WAIT_MS = 5;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/**
 * Creates the destination.
 * @param onAgain called with the number of dropped lines once a line is written again
 * @param write replaced in tests; throws the system's errors, and may write only a part
 */
export function openLogDestination(
  fd: number,
  onAgain: (dropped: number) => void,
  write: (fd: number, bytes: Buffer, from: number) => number = writeSync,
): LogDestination {
  let droppedTotal = 0;
  let dropped = 0;
  /** A part of a line was written: the next line starts on a new line. */
  let isCut = false;

  /** @throws the system's errors */
  function writeWhole(bytes: Buffer): void {
    let written = 0;
    for (let attempt = 0; written < bytes.length; ) {
      try {
        written += write(fd, bytes, written);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || ++attempt === PIPE_ATTEMPTS) throw error;
        Atomics.wait(PAUSE, 0, 0, PIPE_WAIT_MS);
      }
    }
  }

  return {
    droppedTotal: () => droppedTotal,
    write(line) {
      try {
        const text = isCut ? `\n${line}` : line;
        isCut = true;
        writeWhole(Buffer.from(text));
        isCut = false;
      } catch {
        droppedTotal += 1;
        dropped += 1;
        return;
      }
      if (dropped === 0) return;
      const told = dropped;
      dropped = 0;
      onAgain(told);
    },
  };
}
