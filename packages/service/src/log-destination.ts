/** Drops and counts lines that cannot be written; pino's own destination ends the process at the first error. */
import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

export interface LogDestination extends DestinationStream {
  droppedTotal(): number;
}

/** A pipe is full while its reader is slow; ms between attempts. */
const PIPE_ATTEMPTS = 20;
const PIPE_WAIT_MS = 5;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** `onAgain` gets the number of dropped lines once a line is written again. `write` may write only a part. */
export function openLogDestination(
  fd: number,
  onAgain: (dropped: number) => void,
  write: (fd: number, bytes: Buffer, from: number) => number = writeSync,
): LogDestination {
  let droppedTotal = 0;
  let dropped = 0;
  /** The next line then starts on a new line. */
  let isCut = false;

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
