/**
 * Some clients stop reading. What is kept for them is bounded, and the others do not feel it. Half of them read on before they
 * are cut off, and are told to start afresh; the others are cut off, and resume where they were, or start afresh where more has
 * changed since than is worth reading (HISTORY_BYTES; in a full run it has).
 */

import { type ResumingClients, startResumingClients } from '../../live/clients/resuming-clients.ts';
import { everyoneHas, reached } from '../../live/clients/wait-for-clients.ts';
import { type LiveFixture, openLiveFixture } from '../../live/fixture.ts';
import { percentile } from '../../live/scenario.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { readMetrics } from '../../processes/service-metrics.ts';
import { atLeast, atMost, equal, type Trial } from '../trial.ts';

const OTHERS = { quick: 60, full: 950 };
const STALLED = { quick: 4, full: 50 };
const KEYS = 50;
const CHANGES_PER_SECOND = 250;
/** Keys of those that stall: one each, so that what waits for them is nobody else's. */
const HEAVY_FROM = 1_000;
const HEAVY_BYTES = 50_000;
/** The kernel takes 4 MB for each before the instance keeps anything. */
const HEAVY_EACH_MS = { quick: 25, full: 250 };
/** So many in one piece: a burst to all of them would be what the others wait for. */
const PIECE = 2;
const CAP_BYTES = { quick: 256 * 1_024, full: 1024 ** 2 };
/** Time for all to come to their limit, and for half of them to read on. */
const SLOW_MS = { quick: 3_000, full: 30_000 };
/** It is full all the while. */
const RING_BYTES = 4 * 1024 ** 2;
const USUAL_MS = { quick: 500, full: 10_000 };
const WAIT_MS = 60_000;
const SAMPLE_MS = 100;

export const stalledClients: Trial = {
  name: 'stalled-clients',
  claim: '50 of 1,000 clients that stop reading cost at most their buffers, and the others hardly feel it',
  async run(context) {
    const kind = context.quick ? 'quick' : 'full';
    const [others, stalled] = [OTHERS[kind], STALLED[kind]];
    const half = stalled / 2;
    const cap = CAP_BYTES[kind];
    // One frame may go over the limit, and a last word.
    const most = stalled * (cap + 2 * HEAVY_BYTES);
    const fixture = await openLiveFixture();
    context.cleanup(() => fixture.stop());
    const instance = await fixture.instance({
      ...{ SOCKET_BUFFER_BYTES: String(cap), SLOW_MS: String(SLOW_MS[kind]), RING_BYTES: String(RING_BYTES) },
    });
    const followers = startResumingClients();
    context.cleanup(() => followers.stop());
    await followers.connect(
      instance.url,
      [
        ...Array.from({ length: stalled }, (_, n) => ({ key: HEAVY_FROM + n, step: stalled })),
        ...Array.from({ length: others }, (_, n) => ({ key: n % KEYS, step: KEYS })),
      ],
      1_000,
      WAIT_MS,
    );
    const load = startLoad(fixture, stalled, HEAVY_EACH_MS[kind]);
    try {
      // What is compiled at first use is, and the ring is full.
      await pause(USUAL_MS[kind]);
      const usual = await watched(instance, followers, stalled, () => pause(USUAL_MS[kind]));
      await followers.stall(stalled, true);
      const resynced = async () => (await readMetrics(instance.url))('tidemark_events_total', 'type="topic.resync"');
      const stall = await watched(instance, followers, stalled, () =>
        until('the limit of everyone that stalls', async () => (await resynced()) >= stalled, WAIT_MS),
      );
      await followers.stall(half, false);
      const told = await reached(followers, 'half of them to start afresh', ({ afresh }) => afresh >= half);
      const cut = async () => (await readMetrics(instance.url))('tidemark_events_total', 'type="socket.closed"') - half;
      await until('the others to be cut off', async () => (await cut()) >= half, WAIT_MS);
      await followers.stall(stalled, false);
      await reached(followers, 'all to follow again', ({ following, placed, resumed }) => {
        return following === others + stalled && placed === following && resumed >= stalled;
      });
      await load.stop();
      await everyoneHas(followers, await fixture.newest());
      const ended = await followers.count();
      context.log(
        `p99 ${usual.p99.toFixed(1)} ms, with the stalled ${stall.p99.toFixed(1)} ms; resident at the most ` +
          `${mb(usual.bytes)} and ${mb(stall.bytes)}; at the most ${mb(stall.waiting)} waited`,
      );
      // What few clients cost is less than what a process needs by the way.
      const quickOr = (full: number) => (context.quick ? 1e9 : full);
      return [
        atMost('bytes that wait for clients', most, stall.waiting),
        atLeast('bytes that waited for clients', (stalled * cap) / 2, stall.waiting),
        atMost('resident memory more than usual', quickOr(most), stall.bytes - usual.bytes, ' bytes'),
        atMost('p99 of the others, times what it was', quickOr(2), stall.p99 / usual.p99),
        equal('clients that read on and were told to start afresh', half, told.afresh),
        equal('clients that were cut off and came back', half, ended.cut),
        equal('changes that were missed', 0, ended.gaps),
        equal('changes that came twice', 0, ended.repeats),
        { ...equal('other frames', 0, ended.others), got: `${ended.others} ${ended.firstOther ?? ''}` },
      ];
    } finally {
      await load.stop();
    }
  },
};

interface Watched {
  /** Of the latencies of the others, ms. */
  p99: number;
  /** Resident, and waiting for clients, at the most. */
  bytes: number;
  waiting: number;
}

async function watched(
  { url, usage }: ServerProcess,
  followers: ResumingClients,
  besides: number,
  work: () => Promise<void>,
): Promise<Watched> {
  const most = { bytes: 0, waiting: 0 };
  let isOver = false;
  await followers.measure(besides);
  const watch = async () => {
    while (!isOver) {
      most.bytes = Math.max(most.bytes, usage().rssBytes ?? 0);
      most.waiting = Math.max(most.waiting, (await readMetrics(url))('tidemark_sockets_buffered_bytes'));
      await pause(SAMPLE_MS);
    }
  };
  const end = () => {
    isOver = true;
  };
  await Promise.all([watch(), work().finally(end)]);
  return { ...most, p99: percentile((await followers.samples()).latenciesMs, 0.99) };
}

/** The usual changes, and those of long rows. */
function startLoad(fixture: LiveFixture, stalled: number, heavyEachMs: number) {
  let isOver = false;
  const usual = async () => {
    while (!isOver) await fixture.writeAt(CHANGES_PER_SECOND, 'ticks', KEYS, KEYS);
  };
  const heavy = async () => {
    for (let n = 0; !isOver; n += PIECE) {
      const due = performance.now() + (heavyEachMs * PIECE) / stalled;
      await fixture.query(`do $$ begin for i in ${n}..${n + PIECE - 1} loop
        insert into public.ticks values (1000000000 + i, ${HEAVY_FROM} + i % ${stalled},
          extract(epoch from clock_timestamp()) * 1000, repeat('x', ${HEAVY_BYTES}));
        commit;
      end loop; end $$`);
      await pause(Math.max(0, due - performance.now()));
    }
  };
  const running = Promise.all([usual(), heavy()]);
  // Who stops it is told.
  running.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      await running;
    },
  };
}

const mb = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MB`;
