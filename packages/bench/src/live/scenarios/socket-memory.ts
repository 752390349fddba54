/** Resident memory of an idle, subscribed socket, compared with a plain `ws` socket and one of Socket.IO. */
import { atMost } from '../../lab/trial.ts';
import { pause } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { openClients } from '../clients/counting-clients.ts';
import type { SocketOrder } from '../clients/counting-messages.ts';
import type { Dialect } from '../clients/raw-socket.ts';
import { type LiveScenario, subscribe } from '../scenario.ts';

/** The code is loaded and compiled before the first measurement. */
const WARM = { quick: 50, full: 300 };
const SOCKETS = { quick: 100, full: 4_000 };
const SETTLE_MS = { quick: 200, full: 1_500 };

export const socketMemory: LiveScenario = {
  name: 'socket-memory',
  claim: 'an idle, subscribed socket needs at most twice the memory of a plain ws socket',
  async run(fixture, context) {
    const { mode, quick } = context;
    async function bytesOf(server: ServerProcess, dialect: Dialect, order: SocketOrder): Promise<number> {
      context.stopAtEnd(server);
      const open = async (count: number) => {
        const sockets = Array.from({ length: count }, () => order);
        const clients = context.stopAtEnd(await openClients(server.url, dialect, sockets));
        await pause(SETTLE_MS[mode]);
        return { clients, bytes: server.usage().rssBytes ?? 0 };
      };
      const before = await open(WARM[mode]);
      const after = await open(SOCKETS[mode]);
      await after.clients.stop();
      const bytes = (after.bytes - before.bytes) / SOCKETS[mode];
      context.log(`${server.name}: ${(bytes / 1_024).toFixed(1)} KB`);
      return bytes;
    }
    const loop = await bytesOf(await fixture.baseline('fan-out-ws'), 'ws', { path: '/' });
    const ours = await bytesOf(await fixture.instance(), 'tidemark', { path: '/live', hello: subscribe('ticks') });
    const io = await bytesOf(await fixture.baseline('fan-out-socket-io'), 'socket.io', {
      path: '/socket.io/?EIO=4&transport=websocket',
    });
    return [
      atMost('times a plain ws socket', quick ? 1_000 : 2, ours / loop),
      atMost('times a socket of Socket.IO', quick ? 1_000 : 1, ours / io),
    ];
  },
};
