/** `npm test`: prepares the tree, starts one stack for all test files, runs every package's tests, tells what failed, counts. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { prepare, root, toolsEnv } from './prepare.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

try {
  await prepare(say);
  execFileSync(process.execPath, [join(root, 'packages', 'tap-typescript', 'src', 'strip-all.js')], {
    stdio: 'inherit',
  });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const { describeForTests, startTemporaryStack } = await import(
  new URL('../packages/local-stack/dist/index.js', import.meta.url).href
);
const stack = await startTemporaryStack({ onProgress: say });
let child;
let stopping = false;
const stop = async (code) => {
  if (stopping) return;
  stopping = true;
  // Those that still run would fail one by one without the stack.
  if (child?.exitCode === null && child.kill('SIGTERM')) await once(child, 'close');
  await stack.stop();
  process.exit(code);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop(130));

// Known to the tree only since it was prepared.
const { FailedTests } = await import('./failed-tests.mjs');
const failures = new FailedTests();
const totals = { passed: 0, failed: 0 };
// Two packages at a time: a test mostly waits, for a server to start or for a condition; no test asserts a time.
const args = [
  'run',
  'test',
  '--concurrency=2',
  '--continue',
  '--output-logs=full',
  '--no-update-notifier',
  ...process.argv.slice(2),
];
child = spawn(join(root, 'node_modules', '.bin', 'turbo'), args, {
  cwd: root,
  env: { ...toolsEnv(), TIDEMARK_TEST_STACK: describeForTests(stack) },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let rest = '';
child.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) hear(line);
});

function hear(coloured) {
  const line = stripVTControlCharacters(coloured);
  failures.hear(line);
  count(line);
}

/** tap ends each package's run with `# { total: 12, pass: 11, fail: 1 }`. */
function count(line) {
  // A package's own files give such a line each, indented; the run's has no indentation after turbo's prefix.
  const summary = /^(?:\S+:test: )?# \{ total: \d+, (.*) \}\s*$/.exec(line);
  if (!summary) return;
  totals.passed += Number(/pass: (\d+)/.exec(summary[1])?.[1] ?? 0);
  totals.failed += Number(/fail: (\d+)/.exec(summary[1])?.[1] ?? 0);
}

child.once('close', async (code) => {
  if (stopping) return;
  hear(rest);
  const failed = code === 0 ? totals.failed : Math.max(1, totals.failed);
  const told = failures.told();
  if (told) say(`\nWhat failed:\n\n${told}`);
  say(`\n${totals.passed} passed, ${failed} failed`);
  await stop(code === 0 && totals.failed === 0 && totals.passed > 0 ? 0 : 1);
});
