/** `main.js watching [scenario…]`: what it costs to run Tidemark, and to watch it. */
import { errors } from '../errors.ts';
import { runLab } from '../lab/run-lab.ts';
import type { TrialResult } from '../lab/run-trial.ts';
import type { Trial } from '../lab/trial.ts';
import { idle } from './idle.ts';
import { telemetry } from './telemetry.ts';

export const watchingScenarios: readonly Trial[] = [idle, telemetry];

export async function runWatching(names: readonly string[], quick: boolean): Promise<TrialResult[]> {
  const known = watchingScenarios.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  return runLab(names, { quick }, watchingScenarios);
}
