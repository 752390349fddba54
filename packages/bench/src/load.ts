/**
 * Process entry: makes load over HTTP, one order at a time, until its parent disconnects. In a process of its own, so that
 * neither the servers nor the measuring share its event loop. A client for each socket instead of undici's Pool, which
 * looks through all of its connections for a free one at each request.
 */
import { Client, type Dispatcher } from 'undici';
import type { LoadOrder, LoadRequest, LoadResult } from './load-order.ts';

/** An answer that takes longer is an error; also bounds an order whose server hangs. */
const ANSWER_MS = 10_000;
/** Sockets idle while the other rivals have their turn; none waits longer than this. */
const KEEP_ALIVE_MS = 60_000;

/** By address. Emptied by an order for another number of connections. */
const sockets = new Map<string, Client[]>();
/** Rivals of one scenario. */
const MAX_ADDRESSES = 8;

function clientsFor(url: string, connections: number): Client[] {
  const known = sockets.get(url);
  if (known?.length === connections) return known;
  for (const client of known ?? []) void client.destroy();
  if (sockets.size >= MAX_ADDRESSES) {
    for (const clients of sockets.values()) for (const client of clients) void client.destroy();
    sockets.clear();
  }
  const options: Client.Options = {
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
  };
  const clients = Array.from({ length: connections }, () => new Client(url, options));
  sockets.set(url, clients);
  return clients;
}

function isRight({ bytes: expected, includes }: LoadRequest, body: string, bytes: number): boolean {
  if (expected !== undefined) return bytes === expected;
  return includes === '' ? body === '' : body.includes(includes);
}

function carryOut(order: LoadOrder): Promise<LoadResult> {
  const { requests, maxRequests } = order;
  const clients = clientsFor(order.url, order.connections);
  const latencies = new Float64Array(maxRequests);
  const startedAt = performance.now();
  const deadline = startedAt + order.durationMs;
  let sent = 0;
  let completed = 0;
  let failed = 0;
  let firstError: string | null = null;
  let running = clients.length;

  return new Promise((resolve) => {
    function finish(): void {
      const elapsedMs = performance.now() - startedAt;
      const sorted = latencies.subarray(0, completed).sort();
      const at = (q: number) => sorted[Math.min(completed - 1, Math.floor(completed * q))] ?? 0;
      resolve({ completed, errors: failed, firstError, elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99) });
    }

    function next(client: Client): void {
      if (sent >= maxRequests || performance.now() >= deadline) {
        running--;
        if (running === 0) finish();
        return;
      }
      const request = requests[sent % requests.length]!;
      sent++;
      send(client, request);
    }

    function send(client: Client, request: LoadRequest): void {
      const sentAt = performance.now();
      let status = 0;
      let body = '';
      let bytes = 0;
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData(_controller, chunk) {
          bytes += chunk.length;
          if (request.bytes === undefined) body += chunk.toString('latin1');
        },
        onResponseEnd() {
          const right = isRight(request, body, bytes);
          if (status === request.status && right) latencies[completed++] = performance.now() - sentAt;
          else fail(`${request.method} ${request.path}: ${status}, ${bytes} bytes ${body.slice(0, 300)}`);
          next(client);
        },
        onResponseError(_controller, error) {
          fail(`${request.method} ${request.path}: ${error.message}`);
          // In another turn: a server that is gone refuses at once, and the loop would never leave this stack.
          setImmediate(next, client);
        },
      };
      const { path, method, headers, body: sentBody } = request;
      client.dispatch({ path, method, headers: headers ?? null, body: sentBody ?? null }, handler);
    }

    function fail(text: string): void {
      failed++;
      firstError ??= text;
    }

    for (const client of clients) next(client);
  });
}

process.on('message', (order: LoadOrder) => void carryOut(order).then((result) => process.send?.(result)));
process.on('disconnect', () => process.exit(0));
