/**
 * `npm test`: prepares the tree, starts one stack for all test files, runs every package's tests, tells what failed, counts.
 * A file that failed is run once more, alone: what passes then depends on what else runs, and is counted as flaky.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
/** As turbo names them at its end. */
const failedPackages = new Set();
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
  for (const line of lines) hear(line);
});

function hear(coloured) {
  const line = stripVTControlCharacters(coloured);
  failures.hear(line);
  count(line);
  const [, names] = /^\s*Failed:\s+(\S.*)$/.exec(line) ?? [];
  for (const [, name] of (names ?? '').matchAll(/([^\s,]+)#test/g)) failedPackages.add(name);
}

/** tap ends each package's run with `# { total: 12, pass: 11, fail: 1 }`. */
function count(line) {
  // A package's own files give such a line each, indented; the run's has no indentation after turbo's prefix.
  const summary = /^(?:\S+:test: )?# \{ total: \d+, (.*) \}\s*$/.exec(line);
  if (!summary) return;
  totals.passed += Number(/pass: (\d+)/.exec(summary[1])?.[1] ?? 0);
  totals.failed += Number(/fail: (\d+)/.exec(summary[1])?.[1] ?? 0);
}

/** More files than this have a cause in common, and are not run again. */
const MAX_AGAIN = 10;

/** Runs each file that failed once more, alone. @returns the files that passed, and how many assertions failed in the others */
function runAgain(files) {
  const flaky = [];
  let failed = 0;
  for (const [name, file] of files) {
    say(`\nonce more, alone: ${name} ${file}`);
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
  hear(rest);
  const files = failures.files();
  const told = failures.told();
  if (told) say(`\nWhat failed:\n\n${told}`);
  let failed = code === 0 ? totals.failed : Math.max(1, totals.failed);
  // A package that failed and named no file was cut off, or never ran.
  const isKnown = files.length > 0 && [...failedPackages].every((name) => files.some(([other]) => other === name));
  if (failed > 0 && isKnown && files.length <= MAX_AGAIN) {
    const again = runAgain(files);
    failed = again.failed;
    say(`\n${again.flaky.map((file) => `flaky: ${file}\n`).join('')}${again.flaky.length} flaky`);
  }
  say(`\n${totals.passed} passed, ${failed} failed`);
  await stop(failed === 0 && totals.passed > 0 ? 0 : 1);
});
