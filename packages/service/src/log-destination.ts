/**
 * Where log lines go: standard output, a line a write. A line that cannot be written (a full disk, a closed pipe) is dropped
 * and counted. Pino's own destination ends the process at the first error.
 */
import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

export interface LogDestination extends DestinationStream {
  /** Lines that were dropped, since the start. */
  droppedTotal(): number;
}

/** A pipe whose reader is behind takes nothing for a moment: the line is tried again so often, and so many ms apart. */
const PIPE_ATTEMPTS = 20;
const PIPE_WAIT_MS = 5;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/**
 * @param onAgain called with the number of lines dropped, once a line is written again
 * @param write another function in tests; throws what the system says, and may write a part only
 */
export function openLogDestination(
  fd: number,
  onAgain: (dropped: number) => void,
  write: (fd: number, bytes: Buffer, from: number) => number = writeSync,
): LogDestination {
  let droppedTotal = 0;
  let dropped = 0;
  /** Half a line is in the file: the next one begins on a line of its own. */
  let isCut = false;

  /** @throws what the system says */
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
