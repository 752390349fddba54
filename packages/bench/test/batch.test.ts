import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { TrialResult } from '../src/lab/run-trial.ts';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const run = promisify(execFile);
/** `start-latency`, `image-sizes` and `memory` run the same code with other numbers. */
const NAMES = ['noop', 'wal', 'images', 'export', 'segment', 'documents'];
const TIMEOUT_MS = NAMES.length * 60_000;

t.test('the quick scenarios of batch have only findings that are ok', { timeout: TIMEOUT_MS + 10_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-batch-bench-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'findings.json');
  const args = [MAIN, 'batch', ...NAMES, '--quick', '--json', file];
  const ended = await run(process.execPath, args, { timeout: TIMEOUT_MS }).catch((error: unknown) => error);
  const { results } = JSON.parse(await readFile(file, 'utf8')) as { results: TrialResult[] };
  t.same(
    results.map(({ trial }) => trial),
    NAMES,
  );
  for (const { trial, findings } of results) {
    for (const { what, expected, got, ok } of findings) t.ok(ok, `${trial}: ${what}: ${got} (expected ${expected})`);
  }
  t.notOk(ended instanceof Error, 'the exit code is 0');
});
