/** `node dist/main.js [scenario…] [--quick] [--json <file>]`, or `lab`, `live`, `watching`, `batch`, `claims` with names and the same options, or `soak --minutes <n>`; `--help` lists them. */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { explain } from '@tidemark/service';
import { runBatch } from './batch/run-batch.ts';
import { runClaims } from './claims/run-claims.ts';
import { runSoak } from './claims/soak.ts';
import { compareReports } from './compare.ts';
import { errors } from './errors.ts';
import { runHttp } from './http/run-http.ts';
import { runLab } from './lab/run-lab.ts';
import type { TrialResult } from './lab/run-trial.ts';
import { runLive } from './live/run-live.ts';
import { usage } from './usage.ts';
import { runWatching } from './watching/run-watching.ts';

const { values, positionals } = readArguments();

const machine = {
  node: process.version,
  processor: cpus()[0]?.model ?? 'unknown',
  processors: availableParallelism(),
  startedAt: new Date().toISOString(),
  loadBefore: loadavg(),
};

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        seed: { type: 'string' },
        only: { type: 'string' },
        minutes: { type: 'string' },
        compare: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    console.error(`${(error as Error).message}\nRun it with --help to see its options.`);
    process.exit(2);
  }
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(usage());
    return;
  }
  console.log(
    `${machine.processors} × ${machine.processor}, load ${machine.loadBefore[0]?.toFixed(2)}, Node ${machine.node}\n`,
  );
  const [command, ...names] = positionals;
  if (command === 'lab') {
    const { quick, only } = values;
    const seed = values.seed === undefined ? undefined : Number(values.seed);
    await finish({}, await runLab(names, { quick, seed, only }), isTrialOk);
  } else if (command === 'live') await finish({}, await runLive(names, values.quick), isTrialOk);
  else if (command === 'watching') await finish({}, await runWatching(names, values.quick), isTrialOk);
  else if (command === 'claims') await finish({}, await runClaims(names, values.quick), isTrialOk);
  else if (command === 'soak') await finish({}, await runSoak(minutesOf(values.minutes), values.quick), isTrialOk);
  else if (command === 'batch') await finish({}, await runBatch(names, values.quick), isTrialOk);
  else {
    const { pace, results } = await runHttp(positionals, values.quick);
    await finish({ pace }, results, ({ problem, contenders }) => {
      return problem === null && contenders.every(({ errors }) => errors === 0);
    });
  }
}

function minutesOf(given: string | undefined): number {
  const minutes = Number(given);
  if (minutes > 0 && minutes <= 1_440) return minutes;
  throw errors.MINUTES({ given: given ?? '' });
}

const isTrialOk = ({ findings }: TrialResult) => findings.every(({ ok }) => ok);

async function finish<R>(details: object, results: readonly R[], isOk: (result: R) => boolean): Promise<void> {
  const report = { machine: { ...machine, loadAfter: loadavg() }, ...details, results };
  if (values.json) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.compare) {
    const lines = compareReports(JSON.parse(await readFile(values.compare, 'utf8')), report);
    console.log(`\nCompared with ${values.compare}: ${lines.length === 0 ? 'no figure differs by over 10 %' : ''}`);
    for (const line of lines) console.log(line);
  }
  if (!results.every(isOk)) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  console.error(explain(error));
  process.exitCode = 1;
});
