/** The primary crashes and recovers, and is restarted in order. */
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';

const ROUNDS = { quick: 1, full: 5 };
const STOPS = { quick: ['immediate'], full: ['immediate', 'fast'] } as const;

export const primaryRestarted = liveFaultTrial({
  name: 'primary-restarted',
  claim: 'a primary that crashes or restarts costs no client a change',
  async faults(context, { stack: { primary }, active, relayed }) {
    const stops = Array.from({ length: ROUNDS[context.mode] }, () => STOPS[context.mode]).flat();
    for (const mode of stops) {
      await primary.stop(mode);
      await primary.start();
      await active();
      await relayed();
      await pause(100);
    }
    return [];
  },
});
