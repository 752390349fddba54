/** The process that runs the relay is killed, again and again; the other one takes over, and the killed one stands by. */

import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import type { Trial } from '../trial.ts';

const KILLS = { quick: 2, full: 20 };
/** Long enough to publish a while, too short for things to settle. */
const BETWEEN_MS = { quick: 200, full: 1_000 };

export const relayKilled: Trial = {
  name: 'relay-killed',
  claim: 'a relay that is killed loses nothing, repeats nothing and tears nothing',
  run: (context) =>
    liveFaultTrial(context, {
      epochs: 0,
      async faults(running) {
        const kind = context.quick ? 'quick' : 'full';
        for (let kill = 0; kill < KILLS[kind]; kill += 1) {
          await pause(BETWEEN_MS[kind]);
          const active = await running.active();
          await active.kill();
          await running.active();
          await active.start();
        }
        return [];
      },
    }),
};
