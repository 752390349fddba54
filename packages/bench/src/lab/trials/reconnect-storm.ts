/** A thousand clients connect within a second. Then an instance is killed, and all its clients reconnect to two others while changes continue. */
import { startResumingClients } from '../../live/clients/resuming-clients.ts';
import { openLiveFixture } from '../../live/fixture.ts';
import { repeat } from '../../measuring/loops.ts';
import { percentile } from '../../measuring/statistics.ts';
import { atMost, equal, type Trial } from '../trial.ts';

const WITHIN_A_SECOND = { quick: 100, full: 1_000 };
const CLIENTS = { quick: 200, full: 5_000 };
const KEYS = 100;
const CHANGES_PER_SECOND = 100;
const RESUMED_MS = 15_000;
const WAIT_MS = 60_000;

export const reconnectStorm: Trial = {
  name: 'reconnect-storm',
  claim:
    '1,000 clients that connect within a second are all served; 5,000 that are cut off at once resume within 15 s, without a gap',
  async run(context) {
    const { mode } = context;
    const fixture = context.stopAtEnd(await openLiveFixture());
    const [first, second, third] = await Promise.all([fixture.instance(), fixture.instance(), fixture.instance()]);
    const clients = context.stopAtEnd(startResumingClients());
    const all = Array.from({ length: CLIENTS[mode] }, (_, n) => ({ key: n % KEYS, step: KEYS }));
    const burst = all.slice(0, WITHIN_A_SECOND[mode]);

    const opened = await clients.connect(first.url, burst, 1_000, WAIT_MS);
    const { connectedMs } = await clients.samples();
    context.log(`${burst.length} within a second: ${quantiles(connectedMs)}`);
    await clients.connect(first.url, all.slice(burst.length), context.quick ? 100 : 5_000, WAIT_MS);

    const writing = repeat(() => fixture.writeAt(CHANGES_PER_SECOND, 'ticks', KEYS, KEYS));
    try {
      await clients.until('a change for every client', ({ placed }) => placed === all.length);
      await clients.move([second.url, third.url]);
      await first.kill();
      await clients.until('every client to resume', ({ resumed }) => resumed >= all.length);
    } finally {
      await writing.stop();
    }
    await clients.untilNewest(await fixture.newest());
    const counts = await clients.count();
    const { resumedMs } = await clients.samples();
    context.log(`${counts.cut} cut off, ${counts.resumed} resumed: ${quantiles(resumedMs)}`);
    return [
      equal('clients of the first second that were served', burst.length, opened.following),
      equal('clients that were cut off', all.length, counts.cut),
      atMost('time until the last client resumed', RESUMED_MS, Math.max(...resumedMs), ' ms'),
      equal('clients that follow and have the newest change', all.length, counts.following),
      equal('clients that were told to resync', 0, counts.resynced),
      ...clients.unbroken(counts),
    ];
  },
};

const quantiles = (ms: readonly number[]) =>
  `half after ${percentile(ms, 0.5).toFixed(0)} ms, 99 % after ${percentile(ms, 0.99).toFixed(0)} ms`;
