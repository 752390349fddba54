/**
 * Where log lines go: standard output. A line that cannot be written (a full disk, a closed pipe) waits in a bounded buffer;
 * past the bound, lines are dropped and counted. Pino's own destination ends the process at the first error.
 */
import { type DestinationStream, pino } from 'pino';

/** Bytes of lines that wait for standard output to take them again. */
const MAX_WAITING_BYTES = 1024 ** 2;

export interface LogDestination extends DestinationStream {
  /** Lines that found no room, since the start. */
  droppedTotal(): number;
}

/**
 * @param onAgain called once lines are written again after some were dropped
 * @param maxWaitingBytes a test sets a smaller bound
 */
export function openLogDestination(
  fd: number,
  onAgain: (dropped: number) => void,
  maxWaitingBytes: number = MAX_WAITING_BYTES,
): LogDestination {
  const stream = pino.destination({ dest: fd, sync: true, maxLength: maxWaitingBytes });
  let droppedTotal = 0;
  let dropped = 0;
  stream.on('drop', () => {
    droppedTotal += 1;
    dropped += 1;
  });
  // The failed text stays in the buffer and is tried again with the next line.
  stream.on('error', () => {});
  stream.on('write', () => {
    if (dropped === 0) return;
    const told = dropped;
    dropped = 0;
    queueMicrotask(() => onAgain(told));
  });
  return Object.assign(stream, { droppedTotal: () => droppedTotal });
}
