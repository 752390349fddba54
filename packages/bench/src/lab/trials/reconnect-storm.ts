/**
 * A thousand connect within one second; then everyone is cut off in one moment, since the instance is killed, and comes back to
 * the two behind it, while changes go on.
 */
import { startResumingClients } from '../../live/clients/resuming-clients.ts';
import { everyoneHas, reached } from '../../live/clients/wait-for-clients.ts';
import { openLiveFixture } from '../../live/fixture.ts';
import { percentile } from '../../live/scenario.ts';
import { atMost, equal, type Trial } from '../trial.ts';

const WITHIN_A_SECOND = { quick: 100, full: 1_000 };
const FOLLOWERS = { quick: 200, full: 5_000 };
const KEYS = 100;
const CHANGES_PER_SECOND = 100;
const RESUMED_MS = 15_000;
const WAIT_MS = 60_000;

export const reconnectStorm: Trial = {
  name: 'reconnect-storm',
  claim: '1,000 clients within a second are all served; 5,000 that are cut at once are back within 15 s, without a gap',
  async run(context) {
    const kind = context.quick ? 'quick' : 'full';
    const fixture = await openLiveFixture();
    context.cleanup(() => fixture.stop());
    const [first, second, third] = await Promise.all([fixture.instance(), fixture.instance(), fixture.instance()]);
    const followers = startResumingClients();
    context.cleanup(() => followers.stop());
    const orders = Array.from({ length: FOLLOWERS[kind] }, (_, n) => ({ key: n % KEYS, step: KEYS }));
    const burst = orders.slice(0, WITHIN_A_SECOND[kind]);
    const rest = orders.slice(burst.length);

    const opened = await followers.connect(first.url, burst, 1_000, WAIT_MS);
    const { connectedMs } = await followers.samples();
    const [p50, p99] = [percentile(connectedMs, 0.5), percentile(connectedMs, 0.99)];
    context.log(`${burst.length} within a second: served after ${p50.toFixed(0)} ms, 99 % after ${p99.toFixed(0)} ms`);
    await followers.connect(first.url, rest, context.quick ? 100 : 5_000, WAIT_MS);

    let isWriting = true;
    const writing = (async () => {
      while (isWriting) await fixture.writeAt(CHANGES_PER_SECOND, 'ticks', KEYS, KEYS);
    })();
    // Who awaits it is told.
    writing.catch(() => undefined);
    try {
      await reached(followers, 'a change to everyone', ({ placed }) => placed === orders.length);
      await followers.move([second.url, third.url]);
      await first.kill('SIGKILL');
      await reached(followers, 'everyone to be back', ({ resumed }) => resumed >= orders.length);
    } finally {
      isWriting = false;
      await writing;
    }
    await everyoneHas(followers, await fixture.newest());
    const [ended, { resumedMs }] = [await followers.count(), await followers.samples()];
    context.log(
      `${ended.cut} cut, ${ended.resumed} back: half after ${percentile(resumedMs, 0.5).toFixed(0)} ms, ` +
        `99 % after ${percentile(resumedMs, 0.99).toFixed(0)} ms`,
    );
    return [
      equal('clients that were served, of those within a second', burst.length, opened.following),
      equal('clients that were cut', orders.length, ended.cut),
      atMost('until the last one was back', RESUMED_MS, Math.max(...resumedMs), ' ms'),
      equal('clients that follow, and have the newest change', orders.length, ended.following),
      equal('clients that were told to start afresh', 0, ended.afresh),
      equal('changes that were missed', 0, ended.gaps),
      equal('changes that came twice', 0, ended.repeats),
      { ...equal('other frames', 0, ended.others), got: `${ended.others} ${ended.firstOther ?? ''}` },
    ];
  },
};
