/**
 * Cuts off clients that ask and then do not take the answer: what they do not take is held in memory, here and in Postgres's
 * cursor. A connection must take what waits for it within SLOW_READER_MS plus its size at SLOW_READER_BYTES_PER_S:
 *
 *   nothing waits ──answer──► P bytes wait, until now + ms + P / rate ──P taken──► nothing, or the next P
 *                                              └──────────late──────────► destroyed, counted
 *
 * All of them together may leave UNSENT_MAX_BYTES; past it those go that have left theirs longest. A stream (an export) that is taken steadily goes on for as long as it has to. One timer for all connections.
 */
import type { Socket } from 'node:net';
import type { BaseApp, Metrics } from '@tidemark/service';

export interface SlowReaderOptions {
  ms: number;
  bytesPerSecond: number;
  /** Of all connections together. */
  maxBytes: number;
  metrics: Metrics;
}

export interface SlowReaders {
  /** Watches a socket that is not one of the server's own: the upstream side of a WebSocket. */
  watch(socket: Socket): void;
  stop(): void;
}

interface Debt {
  /** Of the connection's bytes: taken when this many have gone. */
  mark: number;
  deadline: number;
  since: number;
}

export function cutOffSlowReaders(
  app: BaseApp,
  { ms, bytesPerSecond, maxBytes, metrics }: SlowReaderOptions,
): SlowReaders {
  /** As many as CONNECTIONS_MAX allows, and one more for each WebSocket that is passed on. */
  const sockets = new Set<Socket>();
  const debts = new WeakMap<Socket, Debt>();
  let waitingBytes = 0;
  const cut = metrics.counter(
    'tidemark_slow_readers_total',
    'Connections destroyed because the client did not take its answer',
  );
  metrics.gauge('tidemark_unsent_bytes', 'Bytes of answers that clients have not taken yet', [], (gauge) =>
    gauge.set(waitingBytes),
  );

  function watch(socket: Socket): void {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  }
  app.server.on('connection', watch);

  function isLate(socket: Socket, now: number): boolean {
    const waits = socket.writableLength;
    waitingBytes += waits;
    if (waits === 0) return debts.delete(socket) && false;
    const gone = socket.bytesWritten - waits;
    const debt = debts.get(socket);
    if (debt !== undefined && gone < debt.mark) return now > debt.deadline;
    debts.set(socket, { mark: gone + waits, deadline: now + ms + (waits / bytesPerSecond) * 1_000, since: now });
    return false;
  }
  function end(socket: Socket): void {
    cut.inc();
    waitingBytes -= socket.writableLength;
    socket.destroy();
  }
  function endLongest(): void {
    const since = (socket: Socket) => debts.get(socket)?.since ?? Number.POSITIVE_INFINITY;
    for (const socket of [...sockets].sort((a, b) => since(a) - since(b))) {
      if (waitingBytes <= maxBytes) return;
      if (!socket.destroyed && socket.writableLength > 0) end(socket);
    }
  }
  const timer = setInterval(
    () => {
      const now = performance.now();
      waitingBytes = 0;
      for (const socket of sockets) {
        if (isLate(socket, now)) end(socket);
      }
      if (waitingBytes > maxBytes) endLongest();
    },
    Math.min(1_000, ms / 4),
  );
  timer.unref();
  return { watch, stop: () => clearInterval(timer) };
}
