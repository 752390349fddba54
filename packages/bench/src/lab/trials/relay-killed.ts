/** The process with the active relay is killed repeatedly; the other one takes over. */
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';

const KILLS = { quick: 2, full: 20 };
/** Between two kills the relay has time to publish, but not always to report the acknowledged position. */
const INTERVAL_MS = { quick: 200, full: 1_000 };

export const relayKilled = liveFaultTrial({
  name: 'relay-killed',
  claim: 'a killed relay loses no change, repeats none, and splits no transaction',
  async faults(context, running) {
    for (let kill = 0; kill < KILLS[context.mode]; kill += 1) {
      await pause(INTERVAL_MS[context.mode]);
      const active = await running.active();
      await active.kill();
      await running.active();
      await active.start();
    }
    return [];
  },
});
