/** The primary is killed and recovers, and is restarted in order. */

import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import type { Trial } from '../trial.ts';

const ROUNDS = { quick: 1, full: 5 };

export const primaryRestarted: Trial = {
  name: 'primary-restarted',
  claim: 'a primary that crashes or restarts costs no client a change',
  run: (context) =>
    liveFaultTrial(context, {
      epochs: 0,
      async faults({ stack: { primary }, active, relayed }) {
        const rounds = context.quick ? ROUNDS.quick : ROUNDS.full;
        for (let round = 0; round < rounds; round += 1) {
          for (const mode of context.quick ? (['immediate'] as const) : (['immediate', 'fast'] as const)) {
            await primary.stop(mode);
            await primary.start();
            await active();
            await relayed();
            await pause(100);
          }
        }
        return [];
      },
    }),
};
