/** The stories of the blueprints, each with its claims. */
import { blueprintNames, play } from '@tidemark/cli';
import type { Trial } from '../lab/trial.ts';
import { demoStack } from './demo-stack.ts';

const QUICK_SCALE = 0.05;

export const stories: readonly Trial[] = blueprintNames.map((name) => ({
  name,
  claim: `the story of ${name} keeps what its README claims`,
  limitMs: 1_800_000,
  async run(context) {
    const { url, secret } = await demoStack(context);
    const scale = context.quick ? QUICK_SCALE : 1;
    const claims = await play(name, { url, secret, scale, print: (line) => context.log(line) });
    return claims.map(({ claim, measured, met, isSpeed }) => ({
      what: claim,
      expected: 'yes',
      got: measured,
      // Quick runs share the machine with others, so they show that a speed is measured and not how high it is.
      ok: met === true || (context.quick && isSpeed),
    }));
  },
}));
