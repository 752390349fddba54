/** The frame of a rival in fan-out: `POST /?times=` sends the body so often to every client, a turn of the loop each. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { runService } from '@tidemark/service';

export function serveFanOut(
  name: string,
  attach: (server: Server) => { send(payload: string): void; close(): void },
): Promise<void> {
  return runService({
    name,
    async start() {
      const server = createServer(async (request, response) => {
        const payload = await text(request);
        const times = Number(new URL(request.url ?? '/', 'http://bench').searchParams.get('times'));
        for (let time = 0; time < times; time++) {
          rival.send(payload);
          await turn();
        }
        response.end();
      });
      const rival = attach(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const close = async () => {
        rival.close();
        server.closeAllConnections();
        server.close();
      };
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return { url, phases: [{ name: 'sockets', timeoutMs: 2_000, run: close }] };
    },
  });
}
