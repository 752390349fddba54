/** Installs and builds a fresh clone. Does nothing when nothing has changed. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { buildJavaScript, markAsBuilt } from './build-javascript.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const MIN_NODE = [20, 19];
/** turbo calls pnpm by name, so node_modules/.bin must be in PATH. */
export const toolsEnv = () => ({
  ...process.env,
  PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
  TURBO_TELEMETRY_DISABLED: '1',
});

const STAMP = join(root, 'node_modules', '.tidemark-installed');

/** Prepares the tree for commands and services, which need the packages and the JavaScript. */
export async function prepareToRun(say) {
  await buildJavaScript(root, await install(say), say);
}

/** Prepares the tree for tests, which need the packages and everything that turbo builds, with types. */
export async function prepareToTest(say) {
  const installed = await install(say);
  const build = ['run', 'build', '--output-logs=new-only', '--log-order=stream', '--no-update-notifier'];
  await run(join(root, 'node_modules', '.bin', 'turbo'), build, (line) => {
    const started = /^(?:@tidemark\/)?([\w-]+):build: cache miss, executing/.exec(line);
    if (started) say(`building ${started[1]}`);
  });
  markAsBuilt(root, installed);
}

/** Calls pnpm through npx. Returns a hash that identifies what is installed. */
async function install(say) {
  checkNode();
  const wanted = installFingerprint();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return wanted;
  say('installing packages (the first time takes a minute)');
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  await run(process.platform === 'win32' ? 'npx.cmd' : 'npx', [
    '--yes',
    packageManager,
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
  ]);
  writeFileSync(STAMP, wanted);
  return wanted;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [minMajor, minMinor] = MIN_NODE;
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return;
  process.stderr.write(`Node ${process.versions.node} is too old: Tidemark needs ${MIN_NODE.join('.')} or later.\n`);
  process.exit(1);
}

/** Returns a hash of the inputs of an installation: the lockfile, the workspace, every package.json, Node and the platform. */
function installFingerprint() {
  const hash = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}`);
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];
  for (const folder of ['packages', 'services']) {
    for (const name of readdirSync(join(root, folder)).sort()) files.push(join(folder, name, 'package.json'));
  }
  for (const file of files) if (existsSync(join(root, file))) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Shows the output of a command only when it fails. `onLine` gets each line of standard output. */
function run(command, args, onLine = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: toolsEnv(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    createInterface({ input: child.stdout }).on('line', (line) => onLine(stripVTControlCharacters(line)));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else {
        process.stderr.write(Buffer.concat(output));
        reject(new Error(`${command} ${args.join(' ')} ended with code ${code}`));
      }
    });
  });
}
