/** `main.js claims [name…]`: every figure of the README and of the blueprints, as claimed and as measured. */
import { errors } from '../errors.ts';
import { runLab } from '../lab/run-lab.ts';
import type { TrialResult } from '../lab/run-trial.ts';
import type { Trial } from '../lab/trial.ts';
import { figures } from './figures.ts';
import { stories } from './stories.ts';

export const claimTrials: readonly Trial[] = [...stories, figures];

export async function runClaims(names: readonly string[], quick: boolean): Promise<TrialResult[]> {
  const known = claimTrials.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  return runLab(names, { quick }, claimTrials);
}
