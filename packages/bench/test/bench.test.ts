import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { batchScenarios } from '../src/batch/run-batch.ts';
import type { ScenarioResult } from '../src/http/run-scenario.ts';
import { scenarios } from '../src/http/scenarios/all.ts';
import { trials } from '../src/lab/trials/all.ts';
import { liveScenarios } from '../src/live/run-live.ts';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const run = promisify(execFile);

t.test('every scenario runs without an error and returns finite ratios', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'results.json');
  const { stdout } = await run(process.execPath, [MAIN, '--quick', '--json', file], { timeout: 400_000 });
  const { results } = JSON.parse(await readFile(file, 'utf8')) as { results: ScenarioResult[] };
  t.same(
    results.map(({ scenario }) => scenario),
    scenarios.map(({ name }) => name),
  );
  for (const { scenario, title, contenders, ratios, problem } of results) {
    t.match(stdout, title, `${scenario} is printed`);
    t.equal(problem, null, `${scenario}: the check of the run passes`);
    for (const { name, errors, firstError, requests } of contenders) {
      t.equal(errors, 0, `${scenario}: no error of ${name}${firstError ? `: ${firstError}` : ''}`);
      t.ok(requests > 0, `${scenario}: ${name} answered`);
    }
    t.equal(ratios.length, contenders.length - 1);
    for (const { to, ...ratio } of ratios) {
      t.ok(Number.isFinite(ratio.median) && ratio.median > 0, `${scenario}: the ratio to ${to} is a number`);
      t.ok(ratio.min <= ratio.median && ratio.median <= ratio.max, `${scenario}: the median lies between min and max`);
    }
  }
});

t.test('refuses an unknown scenario and lists the known ones', async (t) => {
  const failed = (await run(process.execPath, [MAIN, 'nothing']).catch((error: unknown) => error)) as {
    stderr: string;
  };
  t.match(failed.stderr, 'BENCH_UNKNOWN_SCENARIO');
  for (const { name } of scenarios) t.match(failed.stderr, name);
});

t.test('--help lists every scenario and trial, and an unknown option is refused in one line', async (t) => {
  const { stdout } = await run(process.execPath, [MAIN, '--help']);
  for (const { name } of [...scenarios, ...liveScenarios, ...batchScenarios, ...trials]) {
    t.match(stdout, new RegExp(`^  ${name} `, 'm'), name);
  }
  const refused = await run(process.execPath, [MAIN, '--quik']).catch((error: unknown) => error);
  t.match(refused, { code: 2, stderr: /^Unknown option '--quik'.*\nRun it with --help to see its options\.\n$/ });
});
