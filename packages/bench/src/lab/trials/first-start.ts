/** `npm start` in a clean clone, as an ordinary user: with an empty package store, with a warm one, and a second time. */
import { startClone } from '../setup/clone.ts';
import { atMost, equal, type Finding, type Trial } from '../trial.ts';

const MAX_FIRST_S = 30;
const MAX_SECOND_S = 5;

export const firstStart: Trial = {
  name: 'first-start',
  claim: `an ordinary user starts a clean clone; with a warm package store it is ready within ${MAX_FIRST_S} s, the second time within ${MAX_SECOND_S} s`,
  limitMs: 15 * 60_000,
  async run(context): Promise<Finding[]> {
    const clone = await startClone(context);
    const findings: Finding[] = [];
    const cold = await clone.start();
    context.log(`with an empty package store: ready after ${cold.seconds.toFixed(1)} s`);
    findings.push(equal('the user is no root', true, cold.isOrdinaryUser), equal('an answer', 200, cold.status));
    await clone.fresh();
    const first = await clone.start();
    for (const line of first.progress) context.log(line);
    findings.push(atMost('first start with a warm package store', MAX_FIRST_S, first.seconds, ' s'));
    const second = await clone.start();
    for (const line of second.progress) context.log(line);
    findings.push(atMost('second start', MAX_SECOND_S, second.seconds, ' s'));
    findings.push(equal('processes that are left', 0, second.left));
    return findings;
  },
};
