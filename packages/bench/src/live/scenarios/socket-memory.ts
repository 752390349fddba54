/** What an idle, subscribed socket keeps resident, against a bare `ws` socket and one of Socket.IO. */

import { atMost } from '../../lab/trial.ts';
import { pause } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { openClients } from '../clients/counting-clients.ts';
import type { SocketOrder } from '../clients/counting-messages.ts';
import type { Dialect } from '../clients/raw-socket.ts';
import type { LiveScenario } from '../scenario.ts';

/** What they load and compile is there before it is looked at. */
const WARM = { quick: 50, full: 300 };
const SETTLE_MS = { quick: 200, full: 1_500 };

export const socketMemory: LiveScenario = {
  name: 'socket-memory',
  claim: 'an idle, subscribed socket keeps at most twice what a bare ws socket keeps',
  async run(fixture, { quick, cleanup, log }) {
    const sockets = quick ? 100 : 4_000;
    async function kept(server: ServerProcess, dialect: Dialect, order: SocketOrder): Promise<number> {
      cleanup(() => server.stop());
      const open = (count: number) =>
        openClients(
          server.url,
          dialect,
          Array.from({ length: count }, () => order),
        );
      const warm = await open(quick ? WARM.quick : WARM.full);
      cleanup(() => warm.stop());
      await pause(quick ? SETTLE_MS.quick : SETTLE_MS.full);
      const before = server.usage().rssBytes ?? 0;
      const clients = await open(sockets);
      await pause(quick ? SETTLE_MS.quick : SETTLE_MS.full);
      const bytes = ((server.usage().rssBytes ?? 0) - before) / sockets;
      await clients.stop();
      log(`${server.name}: ${(bytes / 1_024).toFixed(1)} KB`);
      return bytes;
    }
    const hello = JSON.stringify({ op: 'subscribe', id: 's', query: 'ticks', snapshot: false });
    const [bare, ours, io] = [
      await kept(await fixture.baseline('fan-out-ws'), 'ws', { path: '/' }),
      await kept(await fixture.instance(), 'tidemark', { path: '/live', hello }),
      await kept(await fixture.baseline('fan-out-socket-io'), 'socket.io', {
        path: '/socket.io/?EIO=4&transport=websocket',
      }),
    ];
    return [
      atMost('times a bare socket', quick ? 1_000 : 2, ours / bare),
      atMost('times one of Socket.IO', quick ? 1_000 : 1, ours / io),
    ];
  },
};
