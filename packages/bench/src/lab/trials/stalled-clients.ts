/**
 * Half of the stalled clients read again before they are cut off, and are resynced. The others resume; in a
 * full run more has changed than HISTORY_BYTES holds, and they resync.
 */
import { type ResumingClients, startResumingClients } from '../../live/clients/resuming-clients.ts';
import { type LiveFixture, openLiveFixture } from '../../live/fixture.ts';
import { type Loop, repeat } from '../../measuring/loops.ts';
import { megabytes, percentile } from '../../measuring/statistics.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { readMetric } from '../../processes/service-metrics.ts';
import { atLeast, atMost, equal, type Trial } from '../trial.ts';

const OTHERS = { quick: 60, full: 950 };
const STALLED = { quick: 4, full: 50 };
const KEYS = 50;
const CHANGES_PER_SECOND = 250;
/** Each stalling client has its own key from here on, so that its changes go to no other client. */
const HEAVY_FROM = 1_000;
const HEAVY_BYTES = 50_000;
/** Interval of long rows for each stalling client. The kernel buffers 4 MB for each before the instance does. */
const HEAVY_EACH_MS = { quick: 25, full: 250 };
/** Number of long rows written together. A burst to all stalling clients would delay the others. */
const HEAVY_BATCH = 2;
const MAX_BUFFER_BYTES = { quick: 256 * 1_024, full: 1024 ** 2 };
const SLOW_MS = { quick: 3_000, full: 30_000 };
/** Small enough to be full all the time. */
const RING_BYTES = 4 * 1024 ** 2;
const USUAL_MS = { quick: 500, full: 10_000 };
const WAIT_MS = 60_000;
const SAMPLE_MS = 100;

export const stalledClients: Trial = {
  name: 'stalled-clients',
  claim: '50 of 1,000 clients that stop reading cost at most their buffers, and the others stay fast',
  async run(context) {
    const { mode } = context;
    const others = OTHERS[mode];
    const stalled = STALLED[mode];
    const half = stalled / 2;
    const buffer = MAX_BUFFER_BYTES[mode];
    // A buffer may exceed its limit by one frame and a final error.
    const maxBytes = stalled * (buffer + 2 * HEAVY_BYTES);
    const fixture = context.stopAtEnd(await openLiveFixture());
    const instance = await fixture.instance({
      env: {
        SOCKET_BUFFER_BYTES: String(buffer),
        SLOW_MS: String(SLOW_MS[mode]),
        RING_BYTES: String(RING_BYTES),
      },
    });
    const events = (type: string) => readMetric(instance.url, 'tidemark_events_total', `type="${type}"`);
    const clients = context.stopAtEnd(startResumingClients());
    const orders = [
      ...Array.from({ length: stalled }, (_, n) => ({ key: HEAVY_FROM + n, step: stalled })),
      ...Array.from({ length: others }, (_, n) => ({ key: n % KEYS, step: KEYS })),
    ];
    await clients.connect(instance.url, orders, 1_000, WAIT_MS);
    const load = context.stopAtEnd(startLoad(fixture, stalled, HEAVY_EACH_MS[mode]));
    // The code gets compiled, and the ring buffer full.
    await pause(USUAL_MS[mode]);
    const usual = await measure(instance, clients, stalled, () => pause(USUAL_MS[mode]));
    await clients.stall(stalled, true);
    const stall = await measure(instance, clients, stalled, () =>
      until('the limit of every stalled client', async () => (await events('topic.resync')) >= stalled, WAIT_MS),
    );
    await clients.stall(half, false);
    const resynced = await clients.until('half of them to resync', (counts) => counts.resynced >= half);
    await until('the others to be cut off', async () => (await events('socket.closed')) >= 2 * half, WAIT_MS);
    await clients.stall(stalled, false);
    await clients.until('all to follow again', ({ following, placed, resumed }) => {
      return following === others + stalled && placed === following && resumed >= stalled;
    });
    await load.stop();
    await clients.untilNewest(await fixture.newest());
    const counts = await clients.count();
    context.log(
      `p99 ${usual.p99.toFixed(1)} ms, with stalled clients ${stall.p99.toFixed(1)} ms; resident ` +
        `${megabytes(usual.bytes)}, ${megabytes(stall.bytes)}; buffered ${megabytes(stall.buffered)}`,
    );
    // The few clients of a quick run cost less than the usual variation of a process.
    const unlessQuick = (bound: number) => (context.quick ? 1e9 : bound);
    return [
      atMost('buffered bytes', maxBytes, stall.buffered),
      atLeast('buffered bytes', (stalled * buffer) / 2, stall.buffered),
      atMost('growth of resident memory', unlessQuick(maxBytes), stall.bytes - usual.bytes, ' bytes'),
      atMost('p99 of the others, as a multiple of the usual', unlessQuick(2), stall.p99 / usual.p99),
      equal('clients that read again and were told to resync', half, resynced.resynced),
      equal('clients that were cut off and came back', half, counts.cut),
      ...clients.unbroken(counts),
    ];
  },
};

interface Measurement {
  p99: number;
  bytes: number;
  buffered: number;
}

async function measure(
  { url, usage }: ServerProcess,
  clients: ResumingClients,
  stalled: number,
  work: () => Promise<void>,
): Promise<Measurement> {
  const peaks = { bytes: 0, buffered: 0 };
  await clients.measure(stalled);
  const sampling = repeat(async () => {
    peaks.bytes = Math.max(peaks.bytes, usage().rssBytes ?? 0);
    peaks.buffered = Math.max(peaks.buffered, await readMetric(url, 'tidemark_sockets_buffered_bytes'));
    await pause(SAMPLE_MS);
  });
  await work().finally(sampling.stop);
  return { ...peaks, p99: percentile((await clients.samples()).latenciesMs, 0.99) };
}

function startLoad(fixture: LiveFixture, stalled: number, heavyEachMs: number): Loop {
  let n = 0;
  const usual = repeat(() => fixture.writeAt(CHANGES_PER_SECOND, 'ticks', KEYS, KEYS));
  const heavy = repeat(async () => {
    const due = performance.now() + (heavyEachMs * HEAVY_BATCH) / stalled;
    await fixture.query(`do $$ begin for i in ${n}..${n + HEAVY_BATCH - 1} loop
      insert into public.ticks values (1000000000 + i, ${HEAVY_FROM} + i % ${stalled},
        extract(epoch from clock_timestamp()) * 1000, repeat('x', ${HEAVY_BYTES}));
      commit;
    end loop; end $$`);
    n += HEAVY_BATCH;
    await pause(Math.max(0, due - performance.now()));
  });
  return { stop: async () => void (await Promise.all([usual.stop(), heavy.stop()])) };
}
