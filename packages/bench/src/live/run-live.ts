/** `main.js live [scenario…]`: the speed of live queries, one scenario after another on one fixture. */
import { errors } from '../errors.ts';
import { runLab } from '../lab/run-lab.ts';
import type { TrialResult } from '../lab/run-trial.ts';
import type { Trial } from '../lab/trial.ts';
import { openLiveFixture } from './fixture.ts';
import { fanOut, fanOutBatched } from './scenarios/fan-out.ts';
import { socketMemory } from './scenarios/socket-memory.ts';
import { liveKeys, liveLatency, liveOwnRows, liveRls } from './scenarios/subscribers.ts';

export const liveScenarios = [fanOut, fanOutBatched, liveLatency, liveRls, liveKeys, liveOwnRows, socketMemory];

export async function runLive(names: readonly string[], quick: boolean): Promise<TrialResult[]> {
  const known = liveScenarios.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  const fixture = await openLiveFixture();
  try {
    const trials = liveScenarios.map((one): Trial => ({ ...one, run: (context) => one.run(fixture, context) }));
    return await runLab(names, { quick }, trials);
  } finally {
    await fixture.stop();
  }
}
