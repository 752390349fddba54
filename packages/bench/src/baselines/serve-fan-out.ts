/**
 * `POST /?times=` sends the body to every client that many times, with a turn of the event loop between.
 * `&perSecond=` sends each to one client in turn, at that rate.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { runService } from '@tidemark/service';

export function serveFanOut(
  name: string,
  attach: (server: Server) => {
    send(payload: string): void;
    sendTo?(client: number, payload: string): void;
    close(): void;
  },
): Promise<void> {
  return runService({
    name,
    async start() {
      const server = createServer(async (request, response) => {
        const payload = await text(request);
        const { searchParams } = new URL(request.url ?? '/', 'http://bench');
        const times = Number(searchParams.get('times'));
        const perSecond = Number(searchParams.get('perSecond'));
        const startedAt = performance.now();
        for (let time = 0; time < times; time++) {
          if (perSecond > 0) {
            baseline.sendTo?.(time, payload);
            const early = startedAt + ((time + 1) / perSecond) * 1_000 - performance.now();
            if (early >= 1) await sleep(early);
          } else {
            baseline.send(payload);
            await turn();
          }
        }
        response.end();
      });
      const baseline = attach(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const close = async () => {
        baseline.close();
        server.closeAllConnections();
        server.close();
      };
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return { url, phases: [{ name: 'finish requests', timeoutMs: 2_000, run: close }] };
    },
  });
}
