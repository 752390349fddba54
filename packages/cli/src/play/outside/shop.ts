/** A service outside of the stack that allows a number of calls in a second, and refuses the others with Retry-After. */
import { createServer } from 'node:http';

export interface Shop {
  readonly host: string;
  /** Calls by what they were answered. */
  accepted(): number;
  refused(): number;
  /** Distinct idempotency keys of accepted calls. */
  orders(): number;
  close(): Promise<void>;
}

export async function startShop(port: number, perSecond: number): Promise<Shop> {
  let [accepted, refused] = [0, 0];
  const orders = new Set<string>();
  let window = { second: 0, calls: 0 };
  const server = createServer((request, response) => {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== window.second) window = { second, calls: 0 };
    window.calls += 1;
    response.setHeader('content-type', 'application/json');
    if (window.calls > perSecond) {
      refused += 1;
      response.statusCode = 429;
      response.setHeader('retry-after', '1');
      response.end('{"error":"too many calls"}');
      return;
    }
    accepted += 1;
    orders.add(String(request.headers['idempotency-key']));
    response.end('{"ok":true}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    host: `127.0.0.1:${port}`,
    accepted: () => accepted,
    refused: () => refused,
    orders: () => orders.size,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
