/** The text of `main.js --help`: every scenario and trial with what it measures or claims. */
import { batchScenarios } from './batch/run-batch.ts';
import { claimTrials } from './claims/run-claims.ts';
import { scenarios } from './http/scenarios/all.ts';
import { trials } from './lab/trials/all.ts';
import { liveScenarios } from './live/run-live.ts';
import { watchingScenarios } from './watching/run-watching.ts';

interface Named {
  readonly name: string;
}

export function usage(): string {
  return `Usage: node packages/bench/dist/main.js [scenario…] [options]
       node packages/bench/dist/main.js live|batch|watching|claims [scenario…] [options]
       node packages/bench/dist/main.js soak --minutes <n> [options]
       node packages/bench/dist/main.js lab [trial…] [options]

Without a name, all of the list run.

  --quick        shows that everything works, not how fast it is
  --json <file>  writes the results
  --compare <f>  shows the figures that differ from those of an earlier file of --json
  --minutes <n>  the length of a soak
  --seed <n>     repeats the trials that draw at random with this seed
  --only <text>  runs only the faults of the trial findings whose names contain it, or one of several separated by commas
  --help         prints this text

HTTP scenarios
${list(scenarios, ({ title }) => title)}

live: live queries
${list(liveScenarios, ({ claim }) => claim)}

batch: jobs
${list(batchScenarios, ({ claim }) => claim)}

watching: what it costs to run Tidemark
${list(watchingScenarios, ({ claim }) => claim)}

claims: the stories of the blueprints, and the figures of the stack
${list(claimTrials, ({ claim }) => claim)}

lab: faults
${list(trials, ({ claim }) => claim)}`;
}

function list<T extends Named>(all: readonly T[], textOf: (one: T) => string): string {
  const width = Math.max(...all.map(({ name }) => name.length));
  return all.map((one) => `  ${one.name.padEnd(width)}  ${textOf(one)}`).join('\n');
}
