/** A process of its own shares its event loop with nothing. It ends with its parent. */

import { LoadSocket, type Prepared, prepare } from './load-socket.ts';
import type { LoadOrder, LoadRequest, LoadResult } from './messages.ts';
import type { ReceivedResponse } from './response-reader.ts';

/** A slower response is an error, so an order whose server hangs ends. */
const RESPONSE_MS = 10_000;

const sockets = new Map<string, LoadSocket[]>();
const MAX_ADDRESSES = 8;

function socketsFor(url: string, connections: number): LoadSocket[] {
  const known = sockets.get(url);
  if (known?.length === connections) return known;
  for (const socket of known ?? []) socket.close();
  if (sockets.size >= MAX_ADDRESSES) {
    for (const all of sockets.values()) for (const socket of all) socket.close();
    sockets.clear();
  }
  const opened = Array.from({ length: connections }, () => new LoadSocket(Number(new URL(url).port)));
  sockets.set(url, opened);
  return opened;
}

function isExpected({ status, bytes, includes }: ReceivedResponse, expected: LoadRequest): boolean {
  return status === expected.status && (expected.bytes === undefined ? includes : bytes === expected.bytes);
}

async function runOrder(order: LoadOrder): Promise<LoadResult> {
  const { maxRequests } = order;
  const requests = order.requests.map((request) => prepare(request, new URL(order.url).host));
  const all = socketsFor(order.url, order.connections);
  await Promise.all(all.map((socket) => socket.ready()));
  const latencies = new Float64Array(maxRequests);
  const startedAt = performance.now();
  const deadline = startedAt + order.durationMs;
  let sent = 0;
  let completed = 0;
  let failed = 0;
  let firstError: string | null = null;
  let running = all.length;

  return new Promise((resolve) => {
    const late = setTimeout(() => {
      for (const socket of all) socket.giveUp(`no response within ${RESPONSE_MS / 1_000} s`);
    }, order.durationMs + RESPONSE_MS);

    function finish(): void {
      clearTimeout(late);
      const elapsedMs = performance.now() - startedAt;
      const sorted = latencies.subarray(0, completed).sort();
      const at = (q: number) => sorted[Math.min(completed - 1, Math.floor(completed * q))] ?? 0;
      resolve({ completed, errors: failed, firstError, elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99) });
    }

    function next(socket: LoadSocket): void {
      if (sent >= maxRequests || performance.now() >= deadline) {
        running--;
        if (running === 0) finish();
        return;
      }
      const prepared = requests[sent % requests.length] as Prepared;
      sent++;
      const sentAt = performance.now();
      socket.send(prepared, (response) => {
        if (response instanceof Error) {
          fail(prepared, response.message);
          // A stopped server refuses at once: the next attempt needs a new turn of the event loop.
          setImmediate(() => reopen(socket));
          return;
        }
        if (isExpected(response, prepared.request)) latencies[completed++] = performance.now() - sentAt;
        else fail(prepared, `${response.status}, ${response.bytes} bytes ${response.text}`);
        if (response.closes) reopen(socket);
        else next(socket);
      });
    }

    function reopen(socket: LoadSocket): void {
      socket.ready().then(
        () => next(socket),
        (error: Error) => {
          failed++;
          firstError ??= error.message;
          if (performance.now() >= deadline) next(socket);
          else setImmediate(() => reopen(socket));
        },
      );
    }

    function fail({ request }: Prepared, text: string): void {
      failed++;
      firstError ??= `${request.method} ${request.path}: ${text}`;
    }

    for (const socket of all) next(socket);
  });
}

const failure = (error: Error): LoadResult => ({
  completed: 0,
  errors: 1,
  firstError: error.message,
  elapsedMs: 1,
  p50Ms: 0,
  p99Ms: 0,
});

process.on('message', (order: LoadOrder) => {
  void runOrder(order)
    .catch(failure)
    .then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));
