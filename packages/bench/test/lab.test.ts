import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { TrialResult } from '../src/lab/run-trial.ts';
import { runTrial } from '../src/lab/run-trial.ts';
import { trials } from '../src/lab/trials/all.ts';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const run = promisify(execFile);
/** Trials that judge times even with --quick, which needs an idle machine, and one that takes half a minute. */
const EXCLUDED = new Set(['first-start', 'autosize', 'overload', 'statistics-cost', 'slot-invalidated']);
const names = trials.map(({ name }) => name).filter((name) => !EXCLUDED.has(name));
/** A trial takes 5 to 20 s on an idle machine. The sum is below the file's time limit in .taprc. */
const TIMEOUT_MS = names.length * 30_000 + 20_000;

t.test('the quick trials of the lab have only findings that are ok', { timeout: TIMEOUT_MS }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-lab-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'findings.json');
  const args = [MAIN, 'lab', ...names, '--quick', '--json', file];
  const ended = await run(process.execPath, args, { timeout: TIMEOUT_MS }).catch((error: unknown) => error);
  const { stdout, stderr } = ended as { stdout: string; stderr: string };
  const { results } = JSON.parse(await readFile(file, 'utf8')) as { results: TrialResult[] };
  t.same(
    results.map(({ trial }) => trial),
    names,
    stderr,
  );
  for (const { trial, findings } of results) {
    for (const { what, expected, got, ok } of findings) t.ok(ok, `${trial}: ${what}: ${got} (expected ${expected})`);
    t.match(stdout, trial);
  }
  t.notOk(ended instanceof Error, 'the exit code is 0');
});

t.test('errors of a trial and of its cleanup are findings, and the cleanup continues', async (t) => {
  const undone: string[] = [];
  const { findings } = await runTrial(
    {
      name: 'doomed',
      claim: 'it fails',
      async run({ cleanup }) {
        cleanup(async () => void undone.push('first'));
        cleanup(() => Promise.reject(new TypeError('not undone')));
        cleanup(async () => void undone.push('last'));
        throw new TypeError('it broke');
      },
    },
    { quick: true },
    () => undefined,
  );
  t.same(undone, ['last', 'first']);
  t.match(findings, [
    { ok: false, got: /it broke/ },
    { ok: false, got: /not undone/ },
  ]);
});

t.test('a trial without findings is not ok, and an unknown one is refused with the known ones', async (t) => {
  const { findings } = await runTrial(
    { name: 'idle', claim: '', run: async () => [] },
    { quick: true },
    () => undefined,
  );
  t.match(findings, [{ ok: false }]);
  const failed = (await run(process.execPath, [MAIN, 'lab', 'nothing']).catch((error: unknown) => error)) as {
    stderr: string;
  };
  t.match(failed.stderr, 'BENCH_UNKNOWN_TRIAL');
  for (const { name } of trials) t.match(failed.stderr, name);
});
