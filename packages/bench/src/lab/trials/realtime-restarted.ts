/** The instances are stopped and started again one after the other, as a rolling update does. */
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';

const RESTARTS = { quick: 2, full: 10 };

export const realtimeRestarted = liveFaultTrial({
  name: 'realtime-restarted',
  claim: 'clients of an instance that restarts resume at either instance',
  async faults(context, { instances, active }) {
    for (let restart = 0; restart < RESTARTS[context.mode]; restart += 1) {
      const instance = instances[restart % instances.length];
      await instance?.stop();
      await active();
      await instance?.start();
      await pause(context.quick ? 100 : 1_000);
    }
    return [];
  },
});
