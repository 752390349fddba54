import { errors } from '../errors.ts';
import { type Fixture, openFixture } from './fixture.ts';
import { startLoad } from './load/load.ts';
import { report } from './report.ts';
import { FULL, type Pace, QUICK, runScenario, type ScenarioResult } from './run-scenario.ts';
import { scenarios } from './scenarios/all.ts';

export async function runHttp(
  names: readonly string[],
  quick: boolean,
): Promise<{ pace: Pace; results: ScenarioResult[] }> {
  const known = scenarios.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  const pace = quick ? QUICK : FULL;
  const results: ScenarioResult[] = [];
  let fixture: Fixture | undefined;
  const load = startLoad();
  try {
    for (const scenario of scenarios) {
      if (names.length > 0 && !names.includes(scenario.name)) continue;
      const durable = scenario.durable ?? false;
      if (fixture?.durable !== durable) {
        await fixture?.stop();
        fixture = undefined;
        fixture = await openFixture({ durable, quick });
      }
      const result = await runScenario(scenario, fixture, load, pace);
      results.push(result);
      console.log(report(result));
    }
  } finally {
    await load.stop();
    await fixture?.stop();
  }
  return { pace, results };
}
