/** What an idle, subscribed socket keeps resident, against a bare `ws` socket and one of Socket.IO. */
import type { Rival } from '../child.ts';
import { atMost } from '../lab/trial.ts';
import { pause } from '../lab/until.ts';
import { openCrowd } from './crowd.ts';
import type { SocketOrder } from './crowd-order.ts';
import type { LiveScenario } from './live-scenario.ts';
import type { Dialect } from './raw-socket.ts';

/** What they load and compile is there before it is looked at. */
const WARM = { quick: 50, full: 300 };
const SETTLE_MS = { quick: 200, full: 1_500 };

export const socketMemory: LiveScenario = {
  name: 'socket-memory',
  claim: 'an idle, subscribed socket keeps at most twice what a bare ws socket keeps',
  async run(ground, { quick, cleanup, log }) {
    const sockets = quick ? 100 : 4_000;
    async function kept(rival: Rival, dialect: Dialect, order: SocketOrder): Promise<number> {
      cleanup(() => rival.stop());
      const open = (count: number) =>
        openCrowd(
          rival.url,
          dialect,
          Array.from({ length: count }, () => order),
        );
      const warm = await open(quick ? WARM.quick : WARM.full);
      cleanup(() => warm.stop());
      await pause(quick ? SETTLE_MS.quick : SETTLE_MS.full);
      const before = rival.usage().rssBytes ?? 0;
      const crowd = await open(sockets);
      await pause(quick ? SETTLE_MS.quick : SETTLE_MS.full);
      const bytes = ((rival.usage().rssBytes ?? 0) - before) / sockets;
      await crowd.stop();
      log(`${rival.name}: ${(bytes / 1_024).toFixed(1)} KB`);
      return bytes;
    }
    const hello = JSON.stringify({ op: 'subscribe', id: 's', query: 'ticks', snapshot: false });
    const [bare, ours, io] = [
      await kept(await ground.floor('fan-out-ws'), 'ws', { path: '/' }),
      await kept(await ground.instance(), 'tidemark', { path: '/live', hello }),
      await kept(await ground.floor('fan-out-socket-io'), 'socket.io', {
        path: '/socket.io/?EIO=4&transport=websocket',
      }),
    ];
    return [
      atMost('times a bare socket', quick ? 1_000 : 2, ours / bare),
      atMost('times one of Socket.IO', quick ? 1_000 : 1, ours / io),
    ];
  },
};
