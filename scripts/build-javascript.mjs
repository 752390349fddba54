/**
 * Emits the JavaScript that `npm start` needs to the files that `npm run build` writes, without declarations. One process removes the
 * types from all sources; the base tsconfig (`erasableSyntaxOnly`, `isolatedModules`) ensures that this is all that tsc does.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';

/** The bundles of one list are built at the same time, after those of the list before. */
const BUNDLES = [
  [{ folder: 'packages/typebox', inputs: 'src', output: 'dist', command: ['node', 'src/build.js'] }],
  [
    { folder: 'packages/client', inputs: 'examples', output: 'dist/examples', command: ['vite', 'build', 'examples'] },
    { folder: 'services/metrics', inputs: 'console', output: 'dist/console', command: ['vite', 'build', 'console'] },
  ],
];

/**
 * Builds unless all inputs and outputs are as they were when the tree was last marked as built.
 * @param root the folder of the workspace, whose packages are installed
 * @param installed identifies what is installed
 */
export async function buildJavaScript(root, installed, say) {
  const stamp = stampOf(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === stateOf(root, installed)) return;
  const sources = sourcesOf(root);
  say(`building ${sources.length} sources, the console and the examples`);
  await removeTypes(sources);
  for (const together of BUNDLES) await Promise.all(together.map((bundle) => runBundler(root, bundle)));
  markAsBuilt(root, installed);
}

/** A start does not replace what another build has just written. */
export function markAsBuilt(root, installed) {
  writeFileSync(stampOf(root), stateOf(root, installed));
}

const stampOf = (root) => join(root, 'node_modules', '.tidemark-built');

function stateOf(root, installed) {
  const sources = sourcesOf(root);
  const bundles = BUNDLES.flat();
  const below = (kind) => bundles.flatMap((bundle) => filesBelow(join(root, bundle.folder, bundle[kind])));
  const inputs = [import.meta.filename, ...sources.map(({ path }) => path), ...below('inputs')];
  const outputs = [...sources.map(({ output }) => output), ...below('output')];
  return `${installed} ${hashOf(inputs, readFileSync)} ${hashOf(outputs, sizeAndTime)}`;
}

function sourcesOf(root) {
  return ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(root, parent)).flatMap((name) => {
      const folder = join(root, parent, name);
      if (!existsSync(join(folder, 'tsconfig.build.json'))) return [];
      return filesBelow(join(folder, 'src'))
        .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
        .map((path) => ({
          path,
          output: path.replace(join(folder, 'src'), join(folder, 'dist')).replace(/ts$/, 'js'),
        }));
    }),
  );
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hashOf(paths, contentOf) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(path).update(contentOf(path));
  return hash.digest('hex');
}

function sizeAndTime(path) {
  const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${size} ${mtimeMs}`;
}

async function removeTypes(sources) {
  // An installed package, which this script is the first to need.
  const { transformSync } = await import('rolldown/utils');
  for (const { path, output } of sources) {
    const { code, map, errors } = transformSync(path, readFileSync(path, 'utf8'), {
      tsconfig: false,
      target: 'es2023',
      sourcemap: true,
      typescript: { onlyRemoveTypeImports: true, rewriteImportExtensions: 'rewrite' },
    });
    if (errors.length > 0) throw new Error(`${path}: ${errors[0].codeframe ?? errors[0].message}`);
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, `${code}//# sourceMappingURL=${basename(output)}.map\n`);
    writeFileSync(`${output}.map`, JSON.stringify(map));
  }
}

function runBundler(root, { folder, command: [name, ...args] }) {
  const cwd = join(root, folder);
  const PATH = `${join(cwd, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`;
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { cwd, env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${Buffer.concat(output)}\n${folder}: ${name} ${args.join(' ')} ended with code ${code}`));
    });
  });
}
