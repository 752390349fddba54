/**
 * Resolves typebox to one file in place of 680. Each module that a process imports goes through the thread of the loaders; typebox
 * alone made up two thirds of what a gateway's test file loads, a second of a processor for each file. Nothing else of it
 * changes: it is bundled once as it is, entries share their parts, and the services themselves run on the original.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { KEPT } from './kept.js';

const BUNDLED = /^typebox(?:\/[a-z]+)?$/;
/** By the folder of the package; a process sees one or two. */
const bundles = new Map();

export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context);
  if (!BUNDLED.test(specifier) || !resolved.url.startsWith('file:')) return resolved;
  const path = fileURLToPath(resolved.url);
  const root = path.slice(0, path.lastIndexOf('/node_modules/typebox/') + '/node_modules/typebox'.length);
  if (!bundles.has(root)) bundles.set(root, bundle(root));
  const entry = join(await bundles.get(root), `${nameOf(path)}.mjs`);
  return existsSync(entry) ? { ...resolved, url: pathToFileURL(entry).href } : resolved;
}

/** `build/index.mjs` → build, `build/compile/index.mjs` → compile. */
const nameOf = (path) => basename(dirname(path));

/** @returns the folder of the bundle, made if it is not there */
async function bundle(root) {
  const { version, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const folder = join(KEPT, `typebox-${version}`);
  if (existsSync(folder)) return folder;
  const { rolldown } = await import('rolldown');
  const paths = Object.values(exports).map((entry) => join(root, entry.import));
  const made = await rolldown({
    input: Object.fromEntries(paths.map((path) => [nameOf(path), path])),
    platform: 'node',
  });
  await mkdir(KEPT, { recursive: true });
  const fresh = await mkdtemp(join(KEPT, 'making-'));
  await made.write({ dir: fresh, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: 'shared-[hash].mjs' });
  await made.close();
  await rename(fresh, folder).catch(async (error) => {
    // Another process was quicker.
    await rm(fresh, { recursive: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  return folder;
}
