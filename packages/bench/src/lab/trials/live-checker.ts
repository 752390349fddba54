/** Only connections break: clients of every kind connect, drop, resume, start again and refresh their tokens. */
import { random } from '@tidemark/testing/live-checker';
import { pause } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';

const CLIENTS = { quick: 40, full: 200 };
const WRITERS = 8;
/** At most 800 transactions a second together: the clients share a process and a processor with the writers. */
const WRITER_MS = 10;
const RUN_MS = { quick: 2_000, full: 60_000 };
const DROPPED = 0.02;
/** Some dropped clients lose their rows, too. */
const FORGETFUL = 0.3;
const REFRESHED = 0.02;
const ROUND_MS = 100;

export const liveChecker = liveFaultTrial({
  name: 'live-checker',
  claim:
    'every client holds what SELECT returns under its rights, received each change once and in order, and never saw anything else',
  clients: CLIENTS,
  writers: WRITERS,
  writerMs: WRITER_MS,
  async faults(context, _, clients) {
    const next = random(Date.now());
    const endsAt = performance.now() + RUN_MS[context.mode];
    while (performance.now() < endsAt) {
      for (const client of clients) {
        if (next() < DROPPED) client.drop(next() < FORGETFUL);
        else if (next() < REFRESHED) await client.refresh();
      }
      await pause(ROUND_MS);
    }
    return [];
  },
});
