/** NATS is killed, started again, and then stands still for a while without its connections noticing. */

import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import type { Trial } from '../trial.ts';

const KILLS = { quick: 1, full: 5 };
/** Longer than every time limit of the relay and of the clients. */
const STILL_MS = { quick: 1_500, full: 30_000 };

export const natsKilled: Trial = {
  name: 'nats-killed',
  claim: 'without NATS the WAL waits; afterwards every change has come once',
  run: (context) =>
    liveFaultTrial(context, {
      epochs: 0,
      async faults({ stack: { nats }, relayed }) {
        const kind = context.quick ? 'quick' : 'full';
        for (let kill = 0; kill < KILLS[kind]; kill += 1) {
          await nats.stop('immediate');
          await pause(kind === 'quick' ? 100 : 500);
          await nats.start();
          await relayed();
        }
        await nats.pause();
        await pause(STILL_MS[kind]);
        nats.resume();
        await relayed();
        return [];
      },
    }),
};
