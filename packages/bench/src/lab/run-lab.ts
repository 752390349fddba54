/** `main.js lab [trial…] [--seed <n>] [--only <text>]`: runs trials one after another and prints a line for each finding. */
import { errors } from '../errors.ts';
import { runTrial, type TrialResult } from './run-trial.ts';
import type { TrialOptions } from './trial.ts';
import { trials } from './trials/all.ts';

export async function runLab(names: readonly string[], options: TrialOptions, all = trials): Promise<TrialResult[]> {
  const known = all.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_TRIAL({ name, known });
  const results: TrialResult[] = [];
  for (const trial of names.length === 0 ? all : all.filter(({ name }) => names.includes(name))) {
    console.log(`${trial.name} · ${trial.claim}`);
    const result = await runTrial(trial, options, console.log);
    for (const { ok, what, expected, got } of result.findings) {
      console.log(`  ${ok ? 'ok ' : 'NOT OK'} ${what}: ${got} (expected ${expected})`);
    }
    console.log(`  ${result.seconds.toFixed(1)} s\n`);
    results.push(result);
  }
  return results;
}
