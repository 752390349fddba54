/**
 * Takes the types out of every module of the repository that a test may load, in one process: otherwise each test file's would
 * load the compiler for the one module that nobody has loaded before it, itself.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripped } from './strip.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

for (const group of ['packages', 'services']) {
  for (const name of await readdir(join(root, group))) {
    for (const folder of ['src', 'test']) await stripUnder(join(root, group, name, folder));
  }
}

async function stripUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  for (const entry of entries) {
    if (!entry.isFile() || !/(?<!\.d)\.ts$/.test(entry.name)) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    await stripped(path, await readFile(path, 'utf8'));
  }
}
