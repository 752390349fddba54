/** NATS is killed, started again, and then paused without its connections noticing. */
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';

const KILLS = { quick: 1, full: 5 };
/** Longer than every time limit of the relay and of the clients in a full run. */
const PAUSED_MS = { quick: 1_500, full: 30_000 };

export const natsKilled = liveFaultTrial({
  name: 'nats-killed',
  claim: 'without NATS the WAL waits; afterwards every change has arrived once',
  async faults(context, { stack: { nats }, relayed }) {
    for (let kill = 0; kill < KILLS[context.mode]; kill += 1) {
      await nats.stop('immediate');
      await pause(context.quick ? 100 : 500);
      await nats.start();
      await relayed();
    }
    await nats.pause();
    await pause(PAUSED_MS[context.mode]);
    nats.resume();
    await relayed();
    return [];
  },
});
