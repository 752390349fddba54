/**
 * `npm test`: prepares the tree, starts one stack for all test files, runs the tests of every package, prints the failures and counts.
 * A file that fails is run once more, alone. If it passes then, it depends on what runs beside it, and counts as flaky.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { prepareToTest, root, toolsEnv } from './prepare.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

try {
  await prepareToTest(say);
  execFileSync(process.execPath, [join(root, 'packages', 'tap-typescript', 'src', 'strip-all.js')], {
    stdio: 'inherit',
  });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const { startTemporaryStack } = await import(new URL('../packages/local-stack/dist/index.js', import.meta.url).href);
const { describeForTests } = await import(new URL('../packages/testing/dist/index.js', import.meta.url).href);
const stack = await startTemporaryStack({ onProgress: say });
let child;
let stopping = false;
const stop = async (code) => {
  if (stopping) return;
  stopping = true;
  // Tests that still run would fail one by one without the stack.
  if (child?.exitCode === null && child.kill('SIGTERM')) await once(child, 'close');
  await stack.stop();
  process.exit(code);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop(130));

// This module needs tap-parser, which prepareToTest() has just installed.
const { FailedTests } = await import('./failed-tests.mjs');
const failures = new FailedTests();
const totals = { passed: 0, failed: 0 };
/** Names of the packages that turbo reports as failed. */
const failedPackages = new Set();
// Two packages run at a time, because tests mostly wait for servers or conditions, and no test asserts a duration.
const args = [
  'run',
  'test',
  '--concurrency=2',
  '--continue',
  '--output-logs=full',
  '--no-update-notifier',
  ...process.argv.slice(2),
];
const env = { ...toolsEnv(), TIDEMARK_TEST_STACK: describeForTests(stack) };
child = spawn(join(root, 'node_modules', '.bin', 'turbo'), args, {
  cwd: root,
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
let rest = '';
child.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) readLine(line);
});

function readLine(coloured) {
  const line = stripVTControlCharacters(coloured);
  failures.readLine(line);
  count(line);
  const [, names] = /^\s*Failed:\s+(\S.*)$/.exec(line) ?? [];
  for (const [, name] of (names ?? '').matchAll(/([^\s,]+)#test/g)) failedPackages.add(name);
}

/** tap ends each package's run with `# { total: 12, pass: 11, fail: 1 }`. */
function count(line) {
  // Each test file also has such a line, but indented.
  const summary = /^(?:\S+:test: )?# \{ total: \d+, (.*) \}\s*$/.exec(line);
  if (!summary) return;
  totals.passed += Number(/pass: (\d+)/.exec(summary[1])?.[1] ?? 0);
  totals.failed += Number(/fail: (\d+)/.exec(summary[1])?.[1] ?? 0);
}

/** More failed files have a common cause, and are not run again. */
const MAX_RETRIED_FILES = 10;

/** Runs each failed file once more, alone. @returns the files that passed, and the number of assertions that failed in the others */
function runAgain(files) {
  const flaky = [];
  let failed = 0;
  for (const [name, file] of files) {
    say(`\nretrying alone: ${name} ${file}`);
    const cwd = join(root, packageFolders().get(name));
    const { status, stdout } = spawnSync(join(cwd, 'node_modules', '.bin', 'tap'), ['--reporter=tap', file], {
      cwd,
      env,
      encoding: 'utf8',
      maxBuffer: 256 * 1024 ** 2,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.stdout.write(stdout);
    if (status === 0) flaky.push(`${name} ${file}`);
    else failed += Math.max(1, Number(/^# \{ total: \d+,.*fail: (\d+)/m.exec(stdout)?.[1] ?? 1));
  }
  return { flaky, failed };
}

function packageFolders() {
  const folders = new Map();
  for (const parent of ['packages', 'services']) {
    for (const folder of readdirSync(join(root, parent))) {
      const file = join(root, parent, folder, 'package.json');
      if (existsSync(file)) folders.set(JSON.parse(readFileSync(file, 'utf8')).name, join(parent, folder));
    }
  }
  return folders;
}

child.once('close', async (code) => {
  if (stopping) return;
  readLine(rest);
  const files = failures.files();
  const summary = failures.summary();
  if (summary) say(`\nFailures:\n\n${summary}`);
  let failed = code === 0 ? totals.failed : Math.max(1, totals.failed);
  // A failed package without failed files was cut off, or never ran.
  const isKnown = files.length > 0 && [...failedPackages].every((name) => files.some(([other]) => other === name));
  if (failed > 0 && isKnown && files.length <= MAX_RETRIED_FILES) {
    const again = runAgain(files);
    failed = again.failed;
    say(`\n${again.flaky.map((file) => `flaky: ${file}\n`).join('')}${again.flaky.length} flaky`);
  }
  say(`\n${totals.passed} passed, ${failed} failed`);
  await stop(failed === 0 && totals.passed > 0 ? 0 : 1);
});
