import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { ScenarioResult } from '../src/http/run-scenario.ts';
import { scenarios } from '../src/http/scenarios/all.ts';
import { median } from '../src/measuring/statistics.ts';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const run = promisify(execFile);

t.test('every scenario runs quickly, without an error, and gives finite ratios', async (t) => {
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
    t.match(stdout, title, `${scenario} is in the table`);
    t.equal(problem, null, `${scenario}: what was written and read is right`);
    for (const { name, errors, firstError, requests } of contenders) {
      t.equal(errors, 0, `${scenario}: no error of ${name}${firstError ? `: ${firstError}` : ''}`);
      t.ok(requests > 0, `${scenario}: ${name} answered`);
    }
    t.equal(ratios.length, contenders.length - 1);
    for (const { to, ...ratio } of ratios) {
      t.ok(Number.isFinite(ratio.median) && ratio.median > 0, `${scenario}: the ratio to ${to} is a number`);
      t.ok(ratio.min <= ratio.median && ratio.median <= ratio.max, `${scenario}: it lies among those of the rounds`);
    }
  }
});

t.test('an unknown scenario is refused with those there are', async (t) => {
  const failed = (await run(process.execPath, [MAIN, 'nothing']).catch((error: unknown) => error)) as {
    stderr: string;
  };
  t.match(failed.stderr, 'BENCH_UNKNOWN_SCENARIO');
  for (const { name } of scenarios) t.match(failed.stderr, name);
});

t.test('the median', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 3, 2]), 2.5);
  t.ok(Number.isNaN(median([])));
});
