/** `npm start` in a clean clone, as an ordinary user: with an empty package store, with a warm one, and a second time. */
import { cleanClone } from '@tidemark/testing/clean-clone';
import { until } from '../../measuring/waiting.ts';
import { atMost, equal, type Finding, type Trial } from '../trial.ts';

const MAX_FIRST_S = 30;
const MAX_SECOND_S = 5;

export const firstStart: Trial = {
  name: 'first-start',
  claim: `an ordinary user starts a clean clone; with a warm package store it is ready within ${MAX_FIRST_S} s, the second time within ${MAX_SECOND_S} s`,
  limitMs: 15 * 60_000,
  async run(context): Promise<Finding[]> {
    const clone = await cleanClone({ cleanup: context.cleanup });
    const start = async ({ whole = false } = {}) => {
      const started = await clone.start();
      for (const line of started.output().split('\n')) if (PROGRESS.test(line)) context.log(line);
      // The next start must be quick after an import of hundreds of MB, too.
      if (whole)
        await until(
          () => `the large demo data: ${started.output()}`,
          () => LARGE.test(started.output()),
          LARGE_MS,
        );
      return { seconds: started.seconds, left: await started.stop() };
    };
    const cold = await start();
    context.log(`with an empty package store: ready after ${cold.seconds.toFixed(1)} s`);
    await clone.fresh();
    const first = await start({ whole: true });
    const second = await start();
    return [
      equal('the user is no root', true, clone.isOrdinaryUser),
      atMost('first start with a warm package store', MAX_FIRST_S, first.seconds, ' s'),
      atMost('second start', MAX_SECOND_S, second.seconds, ' s'),
      equal('processes that are left', 0, cold.left + first.left + second.left),
    ];
  },
};

/** Printed when the large demo data is there. */
const LARGE = /fleet\.telematics: \d+ rows/;
const LARGE_MS = 180_000;
const PROGRESS = /^ *\d+\.\d s {2}/;
