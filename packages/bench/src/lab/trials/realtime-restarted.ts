/** The instances are stopped in order and started again, one after the other, as a rolling update does. */

import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import type { Trial } from '../trial.ts';

const RESTARTS = { quick: 2, full: 10 };

export const realtimeRestarted: Trial = {
  name: 'realtime-restarted',
  claim: 'clients of an instance that restarts go on where they were, on whichever instance',
  run: (context) =>
    liveFaultTrial(context, {
      epochs: 0,
      async faults({ instances, active }) {
        const restarts = context.quick ? RESTARTS.quick : RESTARTS.full;
        for (let restart = 0; restart < restarts; restart += 1) {
          const one = instances[restart % instances.length];
          await one?.stop();
          await active();
          await one?.start();
          await pause(context.quick ? 100 : 1_000);
        }
        return [];
      },
    }),
};
