/** Nothing is broken but connections: clients of every kind connect, drop, resume, start afresh and refresh their tokens. */
import { random } from '@tidemark/testing/live-checker';
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import type { Trial } from '../trial.ts';

const CLIENTS = { quick: 40, full: 200 };
const WRITERS = 8;
/** Together at most 800 transactions a second: the clients share a process and a processor with the writers. */
const WRITER_MS = 10;
const RUN_MS = { quick: 2_000, full: 60_000 };
/** Of all clients, in each round: lose their connection, and of these forget what they knew; refresh their token. */
const DROPPED = 0.02;
const FORGETFUL = 0.3;
const REFRESHED = 0.02;
const ROUND_MS = 100;

export const liveChecker: Trial = {
  name: 'live-checker',
  claim:
    'whoever follows has what SELECT gives under its own rights, whole, once and in order, and never saw anything else',
  run: (context) => {
    const kind = context.quick ? 'quick' : 'full';
    return liveFaultTrial(context, {
      ...{ epochs: 0, clients: CLIENTS[kind], writers: WRITERS, writerMs: WRITER_MS },
      async faults(_, clients) {
        const next = random(Date.now());
        const until = performance.now() + RUN_MS[kind];
        while (performance.now() < until) {
          for (const client of clients) {
            if (next() < DROPPED) client.drop(next() < FORGETFUL);
            else if (next() < REFRESHED) await client.refresh();
          }
          await pause(ROUND_MS);
        }
        return [];
      },
    });
  },
};
