/** Sockets connect, subscribe and close repeatedly: a leak would grow. */
import { openClients } from '../../live/clients/counting-clients.ts';
import { openLiveFixture } from '../../live/fixture.ts';
import { megabytes } from '../../measuring/statistics.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { type ReadMetric, readMetric, readMetrics } from '../../processes/service-metrics.ts';
import { signToken } from '../../processes/services.ts';
import { atMost, equal, type Trial } from '../trial.ts';

const CYCLES = { quick: 3, full: 10 };
const SOCKETS = { quick: 200, full: 1_000 };
const WARM_CYCLES = { quick: 4, full: 2 };
/** Share of the heap before the trial. With few sockets, the code that is compiled meanwhile is as large as their memory. */
const MAX_HEAP_GROWTH = { quick: 0.1, full: 0.05 };
const COLLECTIONS = 3;
const COLLECTION_MS = 200;
const TOPICS = 100;
/** The instance's pools may open these; leaked ones of clients would be hundreds. */
const MORE_CONNECTIONS = 20;
/** A ring buffer that is always full has a constant size. */
const SMALL_RING = { RING_BYTES: '65536' };
const GC = ['--expose-gc', '--import', import.meta.resolve('../setup/gc-on-signal.js')];
const EMPTY_AFTERWARDS = [
  'tidemark_sockets_open',
  'tidemark_sockets_buffered_bytes',
  'tidemark_subscriptions',
  'tidemark_topics',
  'tidemark_rights_classes',
  'tidemark_live_windows',
  'tidemark_snapshots_running',
];

export const socketCycles: Trial = {
  name: 'socket-cycles',
  claim: '1,000 sockets that connect, subscribe and close, ten times over, leave nothing behind',
  async run(context) {
    const { mode } = context;
    const fixture = context.stopAtEnd(await openLiveFixture());
    const instance = await fixture.instance({ env: SMALL_RING, execArgv: GC });
    const tokens = await Promise.all(Array.from({ length: TOPICS }, (_, n) => signToken({ sub: `user ${n}` })));
    const sockets = Array.from({ length: SOCKETS[mode] }, (_, n) => socketOrder(n, tokens));
    const cycle = async () => {
      const clients = await openClients(instance.url, 'tidemark', sockets);
      // A change is in flight to each socket when it closes.
      await fixture.write('ticks', TOPICS, TOPICS);
      await clients.stop();
      await until('closed sockets', async () => (await readMetric(instance.url, 'tidemark_sockets_open')) === 0);
    };
    for (let n = 0; n < WARM_CYCLES[mode]; n += 1) await cycle();
    const before = await collected(instance);
    for (let n = 0; n < CYCLES[mode]; n += 1) await cycle();
    const after = await collected(instance);

    context.log(`heap ${megabytes(before(HEAP))} before, ${megabytes(after(HEAP))} after ${CYCLES[mode]} cycles`);
    const resources = (read: ReadMetric, type: string) => read('nodejs_active_resources', `type="${type}"`);
    return [
      atMost('heap, as a multiple of the heap before', 1 + MAX_HEAP_GROWTH[mode], after(HEAP) / before(HEAP)),
      ...EMPTY_AFTERWARDS.map((name) => equal(name, 0, after(name))),
      atMost('timers', resources(before, 'Timeout'), resources(after, 'Timeout')),
      atMost('connections', resources(before, 'TCPSocketWrap') + MORE_CONNECTIONS, resources(after, 'TCPSocketWrap')),
    ];
  },
};

const HEAP = 'nodejs_heap_size_used_bytes';

/** A third of the subscriptions has a snapshot. */
function socketOrder(n: number, tokens: readonly string[]) {
  const queries = [
    `ticks?k=eq.${n % TOPICS}`,
    'guarded',
    `ticks?n=gte.${n}`,
    `ticks?order=n.desc&limit=${1 + (n % 20)}`,
  ];
  const hello = JSON.stringify({ op: 'subscribe', id: 's', query: queries[n % 4], snapshot: n % 3 === 0 });
  return { path: '/live', hello, token: tokens[n % TOPICS] as string };
}

async function collected({ pid, url }: ServerProcess): Promise<ReadMetric> {
  let read = await readMetrics(url);
  for (let unchanged = 0; unchanged < COLLECTIONS; ) {
    const before = read(HEAP);
    process.kill(pid, 'SIGUSR2');
    await pause(COLLECTION_MS);
    read = await readMetrics(url);
    unchanged = read(HEAP) < before * 0.99 ? 0 : unchanged + 1;
  }
  return read;
}
