/** Sockets come, subscribe and close, again and again: what they leave behind would grow. */

import { openClients } from '../../live/clients/counting-clients.ts';
import { openLiveFixture } from '../../live/fixture.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { type ReadMetric, readMetrics } from '../../processes/service-metrics.ts';
import { atMost, equal, type Finding, type Trial } from '../trial.ts';

const CYCLES = { quick: 3, full: 10 };
const SOCKETS = { quick: 200, full: 1_000 };
/** What is loaded and compiled at first use is there before it is looked at. */
const WARM_CYCLES = { quick: 1, full: 2 };
/** Of the heap before them; of few sockets, what is compiled meanwhile is as much. */
const HEAP_GROWTH = { quick: 0.1, full: 0.05 };
/** Collections that free nothing any more, in a row. */
const COLLECTIONS = 3;
const COLLECTION_MS = 200;
/** Every socket has a topic of its own, and as many share one. */
const TOPICS = 100;
/** Its pools open more as they are asked; what clients leave would be hundreds. */
const MORE_CONNECTIONS = 20;
/** The recent changes are at their limit all the while. */
const SMALL_RING = { RING_BYTES: '65536' };
const GC = ['--expose-gc', '--import', import.meta.resolve('../setup/gc-on-signal.js')];

export const socketCycles: Trial = {
  name: 'socket-cycles',
  claim: '1,000 sockets that come, subscribe and close, ten times over, leave nothing behind',
  async run(context) {
    const kind = context.quick ? 'quick' : 'full';
    const fixture = await openLiveFixture();
    context.cleanup(() => fixture.stop());
    const instance = await fixture.instance(SMALL_RING, GC);
    const tokens = await Promise.all(Array.from({ length: TOPICS }, (_, n) => fixture.token(`user ${n}`)));
    const cycle = async () => {
      const clients = await openClients(
        instance.url,
        'tidemark',
        Array.from({ length: SOCKETS[kind] }, (_, n) => order(n, tokens)),
      );
      // A change, so that something is on its way to each when it goes.
      await fixture.write('ticks', TOPICS, TOPICS);
      await clients.stop();
      await until(
        'the sockets to be closed',
        async () => (await readMetrics(instance.url))('tidemark_sockets_open') === 0,
      );
    };
    for (let n = 0; n < WARM_CYCLES[kind]; n += 1) await cycle();
    const before = await settled(instance);
    for (let n = 0; n < CYCLES[kind]; n += 1) await cycle();
    const after = await settled(instance);

    const heap = (figure: ReadMetric) => figure('nodejs_heap_size_used_bytes');
    context.log(`heap ${mb(heap(before))} before, ${mb(heap(after))} after ${CYCLES[kind] * SOCKETS[kind]} sockets`);
    const none = (name: string): Finding => equal(name, 0, after(name));
    const resources = (figure: ReadMetric, type: string) => figure('nodejs_active_resources', `type="${type}"`);
    return [
      atMost('heap, times what it was', 1 + HEAP_GROWTH[kind], heap(after) / heap(before)),
      ...['tidemark_sockets_open', 'tidemark_sockets_buffered_bytes', 'tidemark_subscriptions', 'tidemark_topics'].map(
        none,
      ),
      ...['tidemark_rights_classes', 'tidemark_live_windows', 'tidemark_snapshots_running'].map(none),
      atMost('timers', resources(before, 'Timeout'), resources(after, 'Timeout')),
      atMost(
        'connections of any kind',
        resources(before, 'TCPSocketWrap') + MORE_CONNECTIONS,
        resources(after, 'TCPSocketWrap'),
      ),
    ];
  },
};

/** Plain and under row-level security, a topic shared and one's own, a window, with a snapshot or without. */
function order(n: number, tokens: readonly string[]) {
  const query = [`ticks?k=eq.${n % TOPICS}`, 'guarded', `ticks?n=gte.${n}`, `ticks?order=n.desc&limit=${1 + (n % 20)}`][
    n % 4
  ];
  const hello = JSON.stringify({ op: 'subscribe', id: 's', query, snapshot: n % 3 === 0 });
  return { path: '/live', hello, token: tokens[n % TOPICS] as string };
}

/** After collections that no longer free anything. */
async function settled({ pid, url }: ServerProcess): Promise<ReadMetric> {
  let figure = await readMetrics(url);
  for (let same = 0; same < COLLECTIONS; ) {
    const before = figure('nodejs_heap_size_used_bytes');
    process.kill(pid, 'SIGUSR2');
    await pause(COLLECTION_MS);
    figure = await readMetrics(url);
    same = figure('nodejs_heap_size_used_bytes') < before * 0.99 ? 0 : same + 1;
  }
  return figure;
}

const mb = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MB`;
