/** `node dist/main.js [scenario…] [--quick] [--json <file>]`, or `lab [trial…]` or `live [scenario…]` with the same options. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { explain } from '@tidemark/service';
import { errors } from './errors.ts';
import { type Fixture, openFixture } from './http/fixture.ts';
import { startLoad } from './http/load/load.ts';
import { report } from './http/report.ts';
import { FULL, QUICK, runScenario, type ScenarioResult } from './http/run-scenario.ts';
import type { Scenario } from './http/scenario.ts';
import { scenarios } from './http/scenarios/all.ts';
import { runLab } from './lab/run-lab.ts';
import type { TrialResult } from './lab/run-trial.ts';
import { runLive } from './live/run-live.ts';

function chosen(names: readonly string[]): readonly Scenario[] {
  const known = scenarios.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, seed: { type: 'string' } },
});

async function bench(): Promise<void> {
  const selected = chosen(positionals);
  const pace = values.quick ? QUICK : FULL;
  const machine = {
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    startedAt: new Date().toISOString(),
    loadBefore: loadavg(),
  };
  const results: ScenarioResult[] = [];
  let fixture: Fixture | undefined;
  const load = startLoad();
  try {
    console.log(
      `${machine.processors} × ${machine.processor}, load ${loadavg()[0]?.toFixed(2)}, Node ${machine.node}\n`,
    );
    for (const scenario of selected) {
      const durable = scenario.durable ?? false;
      if (fixture?.durable !== durable) {
        await fixture?.stop();
        fixture = undefined;
        fixture = await openFixture({ durable, quick: values.quick });
      }
      const result = await runScenario(scenario, fixture, load, pace);
      results.push(result);
      console.log(report(result));
    }
  } finally {
    await load.stop();
    await fixture?.stop();
  }
  if (values.json) {
    await writeFile(
      values.json,
      `${JSON.stringify({ machine: { ...machine, loadAfter: loadavg() }, pace, results }, null, 2)}\n`,
    );
  }
  const wrong = results.some(({ problem, contenders }) => problem !== null || contenders.some((one) => one.errors > 0));
  if (wrong) process.exitCode = 1;
}

async function trials(run: (names: readonly string[], quick: boolean) => Promise<TrialResult[]>): Promise<void> {
  console.log(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(2)}\n`);
  const results = await run(positionals.slice(1), values.quick);
  if (values.json) await writeFile(values.json, `${JSON.stringify({ results }, null, 2)}\n`);
  if (results.some(({ findings }) => findings.some(({ ok }) => !ok))) process.exitCode = 1;
}

try {
  if (positionals[0] === 'lab') {
    const seed = values.seed === undefined ? undefined : Number(values.seed);
    await trials((names, quick) => runLab(names, quick, seed));
  } else if (positionals[0] === 'live') await trials(runLive);
  else await bench();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
