/** `main.js live [scenario…]`: the speed of live queries, one scenario after another on one ground. */
import { errors } from '../errors.ts';
import { runLab } from '../lab/lab.ts';
import type { TrialResult } from '../lab/run-trial.ts';
import { fanOut, fanOutBatched } from './fan-out.ts';
import { openGround } from './ground.ts';
import type { LiveScenario } from './live-scenario.ts';
import { socketMemory } from './socket-memory.ts';
import { liveKeys, liveLatency, liveOwnRows, liveRls } from './subscribers.ts';

const liveScenarios: readonly LiveScenario[] = [
  fanOut,
  fanOutBatched,
  liveLatency,
  liveRls,
  liveKeys,
  liveOwnRows,
  socketMemory,
];

/** @throws BENCH_UNKNOWN_SCENARIO */
export async function runLive(names: readonly string[], quick: boolean): Promise<TrialResult[]> {
  const known = liveScenarios.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  const ground = await openGround();
  try {
    const trials = liveScenarios.map((one) => ({
      ...one,
      run: (context: Parameters<LiveScenario['run']>[1]) => one.run(ground, context),
    }));
    return await runLab(names, quick, undefined, trials);
  } finally {
    await ground.stop();
  }
}
