/**
 * Cuts off clients that do not read their answers, which are held in memory here and in Postgres's cursor. A client must read the
 * pending bytes of its connection within SLOW_READER_MS plus the time for their size at SLOW_READER_BYTES_PER_S:
 *
 *   nothing pending ──answer──► P bytes, until now + ms + P / rate ──P read──► nothing pending, or the next P
 *                                              └──────────late──────────► destroyed, counted
 *
 * All connections together may have UNSENT_MAX_BYTES pending; beyond it, those that have waited longest are destroyed. A stream (an
 * export) that is read steadily has no time limit here. One timer serves all connections.
 */
import type { Socket } from 'node:net';
import type { BaseApp, Metrics } from '@tidemark/service';

export interface SlowReaderOptions {
  ms: number;
  bytesPerSecond: number;
  maxBytes: number;
  metrics: Metrics;
}

export interface SlowReaders {
  watch(socket: Socket): void;
  stop(): void;
}

interface Debt {
  /** The debt is paid when the connection has sent this many bytes in all. */
  mark: number;
  deadline: number;
  since: number;
}

export function cutOffSlowReaders(
  app: BaseApp,
  { ms, bytesPerSecond, maxBytes, metrics }: SlowReaderOptions,
): SlowReaders {
  /** As many as CONNECTIONS_MAX allows, and one more for each proxied WebSocket. */
  const sockets = new Set<Socket>();
  const debts = new WeakMap<Socket, Debt>();
  let waitingBytes = 0;
  const cut = metrics.counter(
    'tidemark_slow_readers_total',
    'Connections destroyed because the client did not read its answer',
  );
  metrics.gauge('tidemark_unsent_bytes', 'Bytes of answers that clients have not read yet', [], (gauge) =>
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
